"""Lets transformers and vLLM import beside a torchvision, torchaudio or torchcodec whose compiled part cannot load.

PyPI builds these three for CUDA. Beside a CPU build of torch they are installed and yet fail to import, and take
transformers and vLLM down with them. Image processors need none of the compiled parts: only the schemas of two
torchvision operators, which its Python code looks up at import. Where the real thing works, nothing is touched.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from typing import Any

__all__ = ["repair_torchvision"]

logger = logging.getLogger(__name__)

# Signatures as torchvision registers them itself.
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A torch library lives as long as this reference to it.
_libraries: list[Any] = []


def repair_torchvision() -> bool:
    """Repairs this process, before anything in it imports transformers; returns whether anything was broken."""
    broken = [name for name in ("torchaudio", "torchcodec") if _is_broken(name)]
    for name in broken:
        _hide(name)
        logger.debug("%s is installed but cannot be loaded beside this torch; going on as if it were absent", name)
    if "torchcodec" in broken and "datasets" in sys.modules:
        # It looked for torchcodec when it was imported, and would import it for each video or audio column.
        sys.modules["datasets"].config.TORCHCODEC_AVAILABLE = False
    if _is_broken("torchvision"):
        _forget("torchvision")
        _define_operators()
        if _is_broken("torchvision"):
            _hide("torchvision")
            logger.debug("torchvision is installed but cannot be loaded beside this torch; going on without it")
        else:
            logger.debug("torchvision's compiled part cannot be loaded beside this torch; its Python part serves")
        broken.append("torchvision")
    return bool(broken)


def _is_broken(name: str) -> bool:
    """Whether the package is installed and fails to import."""
    if name in sys.modules:
        return False  # imported before, or hidden on purpose
    try:
        if importlib.util.find_spec(name) is None:
            return False
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever a broken shared library raises means the same here
        logger.debug("import %s: %s", name, error)
        return True
    return False


def _forget(name: str) -> None:
    """Removes what a failed import left behind, so that the next one starts afresh."""
    for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[module]


def _hide(name: str) -> None:
    _forget(name)
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say "not there"


def _define_operators() -> None:
    import torch

    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(schema)
            _libraries.append(library)
