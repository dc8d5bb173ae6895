"""Makes transformers importable where torchvision's compiled part cannot load. Import this before transformers."""

from fasteval.models.torchvision_repair import repair_torchvision

repair_torchvision()
