"""Judges: models that are asked about other models' answers, while tasks are scored.

Knows requests, engines and the response cache; no tasks and no documents. Whoever scores asks from any thread, and
waits for the judge's words.
"""

from fasteval.judging.judge import Judge, Judgement
from fasteval.judging.session import ask_judge, noting, presiding

__all__ = ["Judge", "Judgement", "ask_judge", "noting", "presiding"]
