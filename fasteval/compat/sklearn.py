"""A stand-in for the package `sklearn` where it is not installed; see `sklearnmetrics` for what is in it."""

from __future__ import annotations

from fasteval.compat import sklearnmetrics as metrics

__all__ = ["metrics"]
