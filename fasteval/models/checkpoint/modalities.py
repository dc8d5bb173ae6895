"""Which kinds of media a checkpoint takes, as far as its configuration tells before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.errors import CheckpointError
from fasteval.models.checkpoint.find import read_json
from fasteval.models.engine import ALL_MEDIA

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checkpoint_media"]

_IMAGE, _AUDIO = frozenset({"image"}), frozenset({"audio"})
_VISION = _IMAGE | {"video"}
#: By `model_type`, as vLLM 0.32 runs them (`get_supported_mm_limits` of each model).
_KNOWN: dict[str, frozenset[str]] = {
    **dict.fromkeys(("llama", "mistral", "mixtral", "gemma", "gemma2", "gemma3_text", "phi", "phi3"), frozenset()),
    **dict.fromkeys(("qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gpt2", "gpt_neox", "opt", "smollm3"), frozenset()),
    **dict.fromkeys(("llava", "llava_next", "idefics3", "smolvlm", "gemma3", "paligemma"), _IMAGE),
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "llava_onevision", "internvl"), _VISION),
    **dict.fromkeys(("glm4v", "glm4v_moe"), _VISION),
    **dict.fromkeys(("qwen2_audio", "ultravox", "whisper"), _AUDIO),
    "qwen2_5_omni": ALL_MEDIA,
}


def checkpoint_media(folder: Path) -> frozenset[str]:
    """Returns the kinds of media that the checkpoint in `folder` takes; all where its type is not known here.

    What a type that is not known takes shows when it is loaded: media of another kind are error rows then.
    """
    try:
        return _KNOWN.get(read_json(folder / "config.json").get("model_type", ""), ALL_MEDIA)
    except (CheckpointError, TypeError):
        return ALL_MEDIA  # whoever loads the checkpoint says what is wrong with it
