"""Small checkpoints for tests, made without torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import fasteval

DEMO = Path(fasteval.__file__).parent / "demo" / "checkpoint"
CHAT_TEMPLATE = (DEMO / "chat_template.jinja").read_text("utf-8")
BOS, EOS = 426, 428


def copy_demo(folder: Path) -> Path:
    """Returns a copy of the bundled Qwen2-VL."""
    shutil.copytree(DEMO, folder)
    return folder


def make_llama(folder: Path, *, length: int = 256, seed: int = 0, hidden: int = 128, layers: int = 2) -> Path:
    """Returns a random Llama, small by default, that takes text only; its tokenizer puts a BOS before plain text."""
    folder.mkdir(parents=True)
    inner, heads, kv_heads, vocabulary = 128, 4, 2, 434
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": length,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "lm_head.weight": (vocabulary, hidden)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        kv = hidden * kv_heads // heads
        shapes |= {
            f"{prefix}self_attn.q_proj.weight": (hidden, hidden),
            f"{prefix}self_attn.k_proj.weight": (kv, hidden),
            f"{prefix}self_attn.v_proj.weight": (kv, hidden),
            f"{prefix}self_attn.o_proj.weight": (hidden, hidden),
            f"{prefix}mlp.gate_proj.weight": (inner, hidden),
            f"{prefix}mlp.up_proj.weight": (inner, hidden),
            f"{prefix}mlp.down_proj.weight": (hidden, inner),
        }
    weights = {name: random.normal(0, 0.15, shape).astype(np.float32) for name, shape in shapes.items()}
    norms = [f"model.layers.{layer}.{name}" for layer in range(layers) for name in _NORMS] + ["model.norm.weight"]
    weights |= {name: np.ones(hidden, np.float32) for name in norms}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(folder)
    return folder


_NORMS = ("input_layernorm.weight", "post_attention_layernorm.weight")


def _write_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((DEMO / "tokenizer.json").read_text("utf-8"))
    bos = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [BOS], "tokens": ["<|endoftext|>"]}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 256,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def perturb_demo(folder: Path, noise: float, *, seed: int = 0) -> Path:
    """Returns a copy of the bundled Qwen2-VL whose weights have noise of this share of each tensor's deviation."""
    copy_demo(folder)
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    random = np.random.default_rng(seed)
    for name, entry in sorted(json.loads(content[8 : 8 + length]).items()):
        if name != "__metadata__":
            first, last = (8 + length + offset for offset in entry["data_offsets"])
            # bfloat16 is the upper half of a float32.
            bits = np.frombuffer(content, np.uint16, (last - first) // 2, first).astype(np.uint32) << 16
            values = bits.view(np.float32)
            values = values + random.normal(0, noise * values.std(), values.shape).astype(np.float32)
            content[first:last] = ((values.view(np.uint32) + 0x8000) >> 16).astype(np.uint16).tobytes()
    path.write_bytes(content)
    return folder
