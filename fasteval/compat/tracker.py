"""`lmms_eval.loggers.evaluation_tracker`: one task reads the model's name out of the run's arguments with it."""

from __future__ import annotations

import re

__all__ = ["GeneralConfigTracker"]

# The first of these that occurs names the model: an adapter before the checkpoint that it adapts.
_KEYS = ("peft", "delta", "pretrained", "model", "model_version", "model_name", "model_id", "path", "engine")


class GeneralConfigTracker:
    """Reads a run's arguments."""

    @staticmethod
    def _get_model_name(model_args: str) -> str:
        """Returns the model's name in `key=value,…`; an empty text if none of the known keys is there."""
        for key in _KEYS:
            found = re.search(rf"{key}=([^,]*)", model_args)
            if found:
                return found[1]
        return ""
