"""`EngineConfig`: everything that decides which engine is started, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fasteval.errors import UnknownNameError, UsageError
from fasteval.media import DEFAULT_FRAMES, FrameChoice

__all__ = ["ALONE", "BACKENDS", "EngineConfig"]

BACKENDS = ("vllm", "hf")

#: vLLM's arguments under which each request has the engine to itself: for `deterministic` where no kernel is invariant.
ALONE = {"max_num_seqs": 1, "enable_prefix_caching": False}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine host is told when it starts.

    Attributes:
        backend: "vllm" or "hf" (transformers, the slow reference).
        checkpoint: folder of the weights.
        arguments: further arguments of the backend, under its own names (vLLM: the fields of its `EngineArgs`).
        dtype: "auto", "float32", "bfloat16" or "float16".
        seed: seed of whatever the engine draws that no request has a seed for.
        max_model_len: longest sequence in tokens, prompt and answer together; None for the checkpoint's own.
        rendering: whatever else decides what text the model sees (such as a chat template in place of the checkpoint's
            own); part of the fingerprint and of nothing else.
        deterministic: an answer must not depend on what else is in the engine: vLLM's batch-invariant kernels on GPUs;
            on CPU, where it has none, one request at a time and no prefix cache.
        frames: which frames of a video the model is shown, where the task leaves it open.
    """

    backend: str
    checkpoint: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    dtype: str = "auto"
    seed: int = 0
    max_model_len: int | None = None
    rendering: str = ""
    deterministic: bool = False
    frames: FrameChoice = DEFAULT_FRAMES

    def __post_init__(self) -> None:
        """Refuses what no engine could be started with."""
        if self.backend not in BACKENDS:
            raise UnknownNameError("engine", self.backend, BACKENDS)
        if self.max_model_len is not None and self.max_model_len < 2:
            raise UsageError(f"max_model_len={self.max_model_len} leaves no room for a prompt and an answer")
        if self.deterministic:
            for name, value in ALONE.items():
                if self.arguments.get(name, value) != value:
                    raise UsageError(f"--deterministic and the model argument {name} contradict each other")
        for name in ("model", "dtype", "seed", "max_model_len"):
            if name in self.arguments:
                raise UsageError(f"the engine argument {name} has a field of its own")

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON can say it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"checkpoint": str(self.checkpoint), "frames": self.frames.to_text()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EngineConfig:
        """Returns the configuration that `to_dict` gave."""
        frames = FrameChoice.from_text(values["frames"])
        return cls(**{**values, "checkpoint": Path(values["checkpoint"]), "frames": frames})
