"""Python reads this at its start where the folder is on its path: for vLLM's own processes, which nobody else reaches.

The first import of torchvision finds it repaired where it cannot load (`fasteval.models.torchvision_repair`).
"""

from __future__ import annotations

import sys

_NAMES = ("torchvision", "torchaudio", "torchcodec")


class _RepairOnce:
    """Steps in at the first import of one of the packages, and then out of the way."""

    def find_spec(self, name: str, *_: object) -> None:
        """Finds nothing itself."""
        if name in _NAMES and self in sys.meta_path:
            sys.meta_path.remove(self)
            from fasteval.models.torchvision_repair import repair_torchvision

            repair_torchvision()
            if name in sys.modules and sys.modules[name] is None:
                raise ModuleNotFoundError(f"{name} cannot load here", name=name)


sys.meta_path.insert(0, _RepairOnce())
