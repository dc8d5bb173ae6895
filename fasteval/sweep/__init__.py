"""One evaluation of many checkpoints: which there are, when a new one is whole, what became of the scores."""

from fasteval.sweep.checkpoints import Checkpoint, CheckpointWatch, find_checkpoints
from fasteval.sweep.sweep import Sweep

__all__ = ["Checkpoint", "CheckpointWatch", "Sweep", "find_checkpoints"]
