"""The model's forward pass for training, faster than transformers' own on a CPU but with the same modules.

transformers runs a vision tower's attention picture by picture; here all pictures of a batch have one grid and go
through together. The text model is called as it is, with the attention mask of the dialogs.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import Qwen2VLForConditionalGeneration

from .checkpoint import MERGE
from .dialogs import IGNORED, Batch
from .drawing import Grid


def _patch_positions(grid: Grid) -> torch.Tensor:
    """Rows and columns of the patches in Qwen2-VL's order: by 2x2 blocks."""
    rows, columns = grid
    places = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))
    blocks = places.view(2, rows // MERGE, MERGE, columns // MERGE, MERGE).permute(0, 1, 3, 2, 4)
    return blocks.reshape(2, -1).T


def _rotate(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat((-second, first), dim=-1) * sin


def _attend(attention: Any, states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    count, patches, width = states.shape
    split = attention.qkv(states).view(count, patches, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = split.unbind(0)
    mixed = functional.scaled_dot_product_attention(_rotate(query, cos, sin), _rotate(key, cos, sin), value)
    out: torch.Tensor = attention.proj(mixed.transpose(1, 2).reshape(count, patches, width))
    return out


def vision_features(model: Qwen2VLForConditionalGeneration, patches: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Compute the image tokens of pictures of one grid: (pictures, tokens, width)."""
    visual: Any = model.model.visual
    weight = visual.patch_embed.proj.weight
    states = functional.linear(patches, weight.sum(dim=2).flatten(1))
    cos, sin = visual.rotary_pos_emb(states, _patch_positions(grid))
    for block in visual.blocks:
        states = states + _attend(block.attn, block.norm1(states), cos, sin)
        states = states + block.mlp(block.norm2(states))
    merged: torch.Tensor = visual.merger(states)
    return merged.view(patches.shape[0], -1, merged.shape[-1])


def hidden_states(
    model: Qwen2VLForConditionalGeneration, batch: Batch, features: torch.Tensor, image_token: int
) -> tuple[torch.Tensor, ...]:
    """Compute what the text model holds after its embedding and each of its layers, the last one normalised."""
    text: Any = model.model.language_model
    embeddings: nn.Module = text.embed_tokens
    states = embeddings(batch.ids)
    at_images = (batch.ids == image_token)[..., None]
    states = states.masked_scatter(at_images, features.reshape(-1, features.shape[-1]))
    outputs = text(
        inputs_embeds=states,
        position_ids=batch.positions,
        attention_mask={"full_attention": batch.mask},
        use_cache=False,
        output_hidden_states=True,
    )
    return (*outputs.hidden_states[:-1], outputs.last_hidden_state)


def answer_logits(model: Qwen2VLForConditionalGeneration, batch: Batch, last: torch.Tensor) -> torch.Tensor:
    """Compute the next-token logits wherever a dialog has a target, in reading order."""
    logits: torch.Tensor = model.lm_head(last[batch.targets != IGNORED])
    return logits


def early_logits(model: Qwen2VLForConditionalGeneration, places: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
    """Read a layer early, as if it were the last, at some places (dialog and index in the first two columns)."""
    text: Any = model.model.language_model
    logits: torch.Tensor = model.lm_head(text.norm(layer[places[:, 0], places[:, 1]]))
    return logits
