"""`--model_args` as vLLM's arguments: those that lm-eval and lmms-eval have beside vLLM's own, and `compile`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.media import DEFAULT_FRAMES, FrameChoice
from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WORTH_COMPILING", "take_frames", "takes_compile", "translate_arguments", "with_compilation"]

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

#: Requests of a run from which on compiling is taken to repay: that takes a minute, at some thirty requests a
#: second.
WORTH_COMPILING = 2_000

_CHOICES: dict[Any, bool | None] = {"auto": None, True: True, False: False, "true": True, "false": False}


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


def takes_compile(arguments: dict[str, Any]) -> bool:
    """Takes `compile` out of vLLM's arguments; returns whether the run's length is to decide.

    On CPU nothing is compiled, and `enforce_eager`, vLLM's own argument, has the last word.

    Raises:
        UsageError: it is neither auto nor true nor false, contradicts `enforce_eager`, or is true on CPU.
    """
    given = arguments.pop("compile", "auto")
    if not isinstance(given, str | bool) or given not in _CHOICES:
        raise UsageError(f"--model_args compile={given!r} is not auto, true or false")
    choice = _CHOICES[given]
    if choice is None:
        return not is_cpu_build() and "enforce_eager" not in arguments
    if choice and is_cpu_build():
        raise UsageError("--model_args compile=true: vLLM for CPUs is run without compilation")
    if arguments.setdefault("enforce_eager", not choice) == choice:
        raise UsageError("--model_args compile and enforce_eager contradict each other")
    return False


def with_compilation(arguments: Mapping[str, Any], requests: int) -> dict[str, Any]:
    """Returns the arguments for a run of so many requests."""
    return {**arguments, "enforce_eager": requests < WORTH_COMPILING}
