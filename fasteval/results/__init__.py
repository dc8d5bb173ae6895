"""Results: what a run found out, and how people and programs get to see it.

May aggregate nothing and score nothing: it takes finished numbers, keeps them, writes files and draws tables.
"""

from __future__ import annotations

from fasteval.results.document import ScoredDocument
from fasteval.results.files import check_writable, save_results
from fasteval.results.model import GroupResult, Results, TaskResult
from fasteval.results.naming import sanitize_name
from fasteval.results.pace import RunningScore, TaskLoad
from fasteval.results.progress import PlainProgress, Progress, SilentProgress, choose_progress
from fasteval.results.sample import Sample
from fasteval.results.statistics import STAGES, RunStatistics
from fasteval.results.timeline import Timeline

__all__ = [
    "STAGES",
    "GroupResult",
    "PlainProgress",
    "Progress",
    "Results",
    "RunStatistics",
    "RunningScore",
    "Sample",
    "ScoredDocument",
    "SilentProgress",
    "TaskLoad",
    "TaskResult",
    "Timeline",
    "check_writable",
    "choose_progress",
    "sanitize_name",
    "save_results",
]
