"""A stand-in for the package `evaluate` where it is not installed: its metrics are refused when they are asked for."""

from __future__ import annotations

from fasteval.compat.missing import refuse

__all__ = ["load"]

load = refuse("evaluate.load", "it needs the package 'evaluate', and fetches its metrics: pip install evaluate")
