"""Make transformers importable where torchvision's compiled part cannot load.

PyPI's torchvision, torchaudio and torchcodec are built for CUDA; beside a CPU torch their imports fail and take
transformers down with them. Training needs none of their compiled code. Import this module before transformers.
"""

import importlib
import sys

import torch

_SCHEMAS: tuple[str, ...] = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_LIBRARIES: list[torch.library.Library] = []


def _loads(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError):
        for module in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[module]
        return False
    return True


def mend() -> None:
    """Hide the audio and video packages that do not load, and declare the operators torchvision misses."""
    for name in ("torchaudio", "torchcodec"):
        if name not in sys.modules and not _loads(name):
            sys.modules[name] = None  # type: ignore[assignment]
    if "torchvision" not in sys.modules and not _loads("torchvision"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS:
            library.define(schema)
        _LIBRARIES.append(library)


mend()
