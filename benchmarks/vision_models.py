"""Checkpoints that see a picture as 256 tokens: the demo model, and one of SmolLM2-135M's size with random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fasteval

__all__ = ["SIDE", "write_fine_demo", "write_large_model"]

#: Every picture is scaled to about this many pixels a side: (448 / 28)² tokens.
SIDE = 448
_DEMO = Path(fasteval.__file__).parent / "demo" / "checkpoint"


def write_fine_demo(folder: Path) -> Path:
    """Writes the demo model with more pixels a picture (it was trained on 112 by 112: what it says means little)."""
    shutil.copytree(_DEMO, folder, dirs_exist_ok=True)
    _set_resolution(folder)
    return folder


def write_large_model(folder: Path) -> Path:
    """Writes a random Qwen2-VL with the widths of SmolLM2-135M and a vision tower of 22 million parameters.

    Speed does not depend on what the weights say. The tokenizer is the demo model's, the vocabulary SmolLM2's in size.
    """
    if (folder / "model.safetensors").is_file():  # written last
        return folder
    from fasteval.models.torchvision_repair import repair_torchvision

    repair_torchvision()
    import transformers

    from benchmarks.demo_model.checkpoint import build_model, save_checkpoint

    config = transformers.Qwen2VLConfig.from_pretrained(_DEMO)
    text, vision = config.text_config, config.vision_config
    text.vocab_size, text.hidden_size, text.intermediate_size = 49_152, 576, 1_536
    text.num_hidden_layers, text.num_attention_heads, text.num_key_value_heads = 30, 9, 3
    text.layer_types = ["full_attention"] * text.num_hidden_layers
    text.rope_parameters["mrope_section"] = [8, 12, 12]
    vision.depth, vision.embed_dim, vision.num_heads, vision.hidden_size = 12, 384, 6, text.hidden_size
    tokenizer = transformers.AutoTokenizer.from_pretrained(_DEMO)
    save_checkpoint(build_model(config), tokenizer, folder)
    shutil.copy(_DEMO / "chat_template.jinja", folder)
    _set_resolution(folder)
    return folder


def _set_resolution(folder: Path) -> None:
    path, pixels = folder / "preprocessor_config.json", SIDE * SIDE
    sizes = {"min_pixels": pixels, "max_pixels": pixels, "size": {"shortest_edge": pixels, "longest_edge": pixels}}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | sizes), "utf-8")
