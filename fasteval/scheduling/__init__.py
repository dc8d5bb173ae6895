"""Scheduling: which requests must run, in which order, and the pipeline that runs them.

May read tables, the cache and tasks' media, and talk to an engine; never scores an answer.
"""

from fasteval.scheduling.feasible import check_feasible, check_media
from fasteval.scheduling.loader import RequestLoader
from fasteval.scheduling.plan import Plan, make_plan
from fasteval.scheduling.stream import Answer, FollowUp, Stream

__all__ = ["Answer", "FollowUp", "Plan", "RequestLoader", "Stream", "check_feasible", "check_media", "make_plan"]
