"""Model arguments that lm-eval and lmms-eval have beside vLLM's own: renamed, not needed, or refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.media import DEFAULT_FRAMES, FrameChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["take_frames", "translate_arguments"]

_LOG = logging.getLogger("fasteval.models")

_RENAMED = {"max_length": "max_model_len"}
_BATCHES = "vLLM batches continuously"
_NOT_NEEDED = {
    "batch_size": _BATCHES,
    "max_batch_size": _BATCHES,
    "device": "the engine takes the device that vLLM was built for; choose GPUs with CUDA_VISIBLE_DEVICES",
    "swap_space": "vLLM has none any more",
    "threads": "the engine decodes media by itself",
    "timeout": "no request is given up for being slow",
}
_LENGTH = "the answers' length is the task's; override it with --gen_kwargs max_new_tokens=…"
_PIXELS = "pass the checkpoint's own processor options as mm_processor_kwargs={…}"
_FRAMES = "frames are chosen by max_num_frames and fps"
_THINKING = "thoughts are removed by --reasoning_tags; a template of your own is chat_template=<file>"
_REFUSED = {
    "max_new_tokens": _LENGTH,
    "max_gen_toks": _LENGTH,
    "max_pixels": _PIXELS,
    "min_pixels": _PIXELS,
    "min_image_pixels": _PIXELS,
    "media_io_kwargs": _FRAMES,
    "num_frames": _FRAMES,
    "image_first": "pictures stand where the task puts them",
    "enable_thinking": _THINKING,
    "think_end_token": _THINKING,
    "chat_template_args": _THINKING,
    "lora_local_path": "adapters are not supported by this version; merge it into a checkpoint",
    "max_lora_rank": "adapters are not supported by this version; merge it into a checkpoint",
    "add_bos_token": "the checkpoint's tokenizer decides about the first token",
    "prefix_token_id": "the checkpoint's tokenizer decides about the first token",
    "truncation_side": "a prompt that does not fit is an error row, never cut",
}

# Under which names lmms-eval's models take the largest number of a video's frames.
_MAX_FRAMES = ("max_num_frames", "max_frames_num", "max_frame_num", "nframes")


def take_frames(arguments: dict[str, Any]) -> FrameChoice:
    """Takes `max_num_frames` and `fps` out of the arguments; returns which frames of a video a model is shown.

    Raises:
        UsageError: a value is no number, or two names of one thing contradict each other.
    """
    given = {name: value for name in _MAX_FRAMES if (value := arguments.pop(name, None)) is not None}
    if len(set(given.values())) > 1:
        raise UsageError(f"model arguments {', '.join(given)} are names of one thing: give one of them")
    own = FrameChoice(next(iter(given.values()), None), arguments.pop("fps", None))
    return own.completed(DEFAULT_FRAMES)


def translate_arguments(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments under vLLM's names; logs one line for each that is not needed.

    Raises:
        UsageError: an argument that those harnesses know and that cannot be honoured here.
    """
    translated: dict[str, Any] = {}
    for name, value in model_args.items():
        if value is None or name in _NOT_NEEDED:
            if value is not None:
                _LOG.info("model argument %s is not needed: %s", name, _NOT_NEEDED[name])
        elif name in _REFUSED:
            raise UsageError(f"model argument '{name}' is not supported: {_REFUSED[name]}")
        else:
            translated[_RENAMED.get(name, name)] = value
    return translated
