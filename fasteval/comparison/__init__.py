"""Comparison: two runs set side by side, document by document.

May read results and compute; knows nothing of models, and runs none.
"""

from __future__ import annotations

from fasteval.comparison.compare import compare_runs
from fasteval.comparison.difference import PairedScores
from fasteval.comparison.model import Comparison, ComparisonOptions, TaskComparison
from fasteval.comparison.table import markdown, print_comparison

__all__ = ["Comparison", "ComparisonOptions", "PairedScores", "TaskComparison"]
__all__ += ["compare_runs", "markdown", "print_comparison"]
