"""The demo checkpoint's shape, and how it is written: a plain Qwen2-VL folder."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

from .tokenizer import token_id

CONTEXT_LENGTH = 4096
IMAGE_SIDE = 112
PATCH = 14
MERGE = 2
TEMPORAL = 2
_WORD_SCALE = 0.4
IMAGE_MEAN: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)


def model_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLConfig:
    """Describe the model: 128 wide and 4 deep for text, 96 wide and 3 deep for pictures."""
    end = token_id(tokenizer, "<|im_end|>")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_LENGTH,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": end,
        "pad_token_id": None,
    }
    vision = {
        "depth": 3,
        "embed_dim": 96,
        "hidden_size": 128,
        "num_heads": 3,
        "mlp_ratio": 4,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": TEMPORAL,
    }
    return Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token_id(tokenizer, "<|image_pad|>"),
        video_token_id=token_id(tokenizer, "<|video_pad|>"),
        vision_start_token_id=token_id(tokenizer, "<|vision_start|>"),
        vision_end_token_id=token_id(tokenizer, "<|vision_end|>"),
        tie_word_embeddings=True,
        dtype="float32",
    )


def build_model(config: Qwen2VLConfig) -> Qwen2VLForConditionalGeneration:
    """Build the model with weights scaled to their fan-in.

    transformers' fixed 0.02 is meant for widths in the thousands; at width 128 it slows learning a lot. The word
    vectors are as large as what a layer adds to them, so that a word is still legible after the first layer: vectors a
    tenth of that were drowned, and "not" was found a thousand steps later. The last norm makes up for it in the logits.
    """
    model = Qwen2VLForConditionalGeneration(config)
    depth = config.text_config.num_hidden_layers
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear) and not name.endswith("lm_head"):
                residual = name.endswith(("o_proj", "down_proj", "attn.proj", "fc2"))
                module.weight.normal_(0.0, module.in_features**-0.5 * ((2 * depth) ** -0.5 if residual else 1.0))
            elif isinstance(module, nn.Conv3d):
                module.weight.normal_(0.0, module.weight[0].numel() ** -0.5)
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(0.0, _WORD_SCALE)
        model.model.language_model.norm.weight.fill_(_WORD_SCALE)
    model.tie_weights()
    return model


def _processor_settings() -> dict[str, Any]:
    """Fix the resolution: every picture becomes about 112x112 pixels, that is about 16 image tokens."""
    pixels = IMAGE_SIDE * IMAGE_SIDE
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(IMAGE_MEAN),
        "image_std": list(IMAGE_STD),
        "image_processor_type": "Qwen2VLImageProcessor",
        "max_pixels": pixels,
        "merge_size": MERGE,
        "min_pixels": pixels,
        "patch_size": PATCH,
        "processor_class": "Qwen2VLProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": pixels, "shortest_edge": pixels},
        "temporal_patch_size": TEMPORAL,
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def save_checkpoint(model: Qwen2VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write everything transformers and vLLM need to load the model, the weights in bfloat16.

    The weights are renamed into place last, so that a reader never meets half a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["processor_class"] = "Qwen2VLProcessor"
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that every version of transformers knows
    _write_json(folder / "tokenizer_config.json", settings)
    config = model.config.to_diff_dict()
    config["architectures"] = ["Qwen2VLForConditionalGeneration"]
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = "bfloat16"
    _write_json(folder / "config.json", config)
    _write_json(folder / "preprocessor_config.json", _processor_settings())
    generation = {
        "do_sample": False,
        "eos_token_id": [token_id(tokenizer, "<|im_end|>"), token_id(tokenizer, "<|endoftext|>")],
        "pad_token_id": token_id(tokenizer, "<|endoftext|>"),
    }
    _write_json(folder / "generation_config.json", generation)
    weights = {
        _published_name(name): tensor.detach().to(torch.bfloat16).clone().contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    partial = folder / "model.safetensors.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    partial.chmod(0o644)
    partial.rename(folder / "model.safetensors")


def _published_name(name: str) -> str:
    """Give a weight the name it has in Qwen2-VL's published files, which every loader knows."""
    if name.startswith("model.visual."):
        return name.removeprefix("model.")
    return name.replace("model.language_model.", "model.")
