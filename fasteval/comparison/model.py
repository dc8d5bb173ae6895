"""`Comparison`: what came out of setting runs side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comparison", "ComparisonOptions", "Flip", "ScoreComparison", "TaskComparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOptions:
    """How runs are compared.

    Attributes:
        alpha: level of the tests; intervals have the confidence 1 - alpha.
        metric: what documents are compared by, "metric" or "metric,filter"; None takes each task's first.
        category: the documents' column that makes categories; None takes one with a usual name; "" makes none.
        cluster: the documents' column whose equal values belong together; None takes the task's own; "" takes none.
        force: go on where runs differ in more than the model.
        seed: of the bootstrap.
    """

    alpha: float = 0.05
    metric: str | None = None
    category: str | None = None
    cluster: str | None = None
    force: bool = False
    seed: int = 1234


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreComparison:
    """One score of two runs, on the documents that both have.

    Attributes:
        name: the metric with its filter, or the category.
        count: documents.
        clusters: groups of documents that belong together; None where each stands for itself.
        base: mean score in the base run.
        candidate: mean score in the candidate.
        difference: candidate less base.
        low: lower end of the difference's interval.
        high: upper end.
        p_value: of the test that there is no difference, uncorrected.
        adjusted: the same after Holm's correction over tasks and candidates; None for what is not corrected.
        method: "mcnemar", "bootstrap" or "sign".
        mcnemar: the exact McNemar p-value; None where scores are not right or wrong.
        detectable: the smallest difference that would have been found with 80 % power; None if there is none.
        gained: documents with a higher score in the candidate.
        lost: documents with a lower one.
        higher_is_better: the metric's direction.
        reported: what the two results files have under the metric's name, where that is not the mean over documents.
    """

    name: str
    count: int
    clusters: int | None
    base: float
    candidate: float
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float | None = None
    method: str
    mcnemar: float | None
    detectable: float | None
    gained: int
    lost: int
    higher_is_better: bool = True
    reported: tuple[float, float] | None = None

    def verdict(self, alpha: float) -> str:
        """Returns "better", "worse" or "no difference found"."""
        p_value = self.p_value if self.adjusted is None else self.adjusted
        if p_value > alpha or self.difference == 0:
            return "no difference found"
        return "better" if (self.difference > 0) == self.higher_is_better else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A document whose score differs.

    Attributes:
        doc_id: its number in its split.
        category: its category, or "".
        base: its score in the base run.
        candidate: its score in the candidate.
        base_answer: what the base model answered, after filtering.
        candidate_answer: what the candidate answered.
        target: the right answer.
        prompt: the prompt without template and media.
    """

    doc_id: int
    category: str
    base: float
    candidate: float
    base_answer: Any
    candidate_answer: Any
    target: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """One task of the base run and of one candidate.

    Attributes:
        task: the task.
        candidate: position of the candidate among the runs compared with the base, from 0.
        main: the score that decides.
        category_column: the column that makes the categories; None without categories.
        categories: the same score within each category.
        others: the task's other scores.
        flips: the documents whose score differs, in document order.
        unpaired: documents that only the base, and only the candidate, has a score for.
        errors: error rows of the base and of the candidate.
        not_compared: metrics whose value for one document is no number.
        remarks: what else the reader should know.
    """

    task: str
    candidate: int
    main: ScoreComparison
    category_column: str | None = None
    categories: Sequence[ScoreComparison] = ()
    others: Sequence[ScoreComparison] = ()
    flips: Sequence[Flip] = ()
    unpaired: tuple[int, int] = (0, 0)
    errors: tuple[int, int] = (0, 0)
    not_compared: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A base run and what became of it in one candidate or several.

    Attributes:
        alpha: level of the tests.
        base: name and file of the base run.
        candidates: name and file of each candidate.
        tasks: the tasks that both have, candidate after candidate.
        skipped: tasks that were not compared, with the reason.
        forced: what differs and should not, where the comparison was forced.
        notes: what differs and may.
    """

    alpha: float
    base: tuple[str, str]
    candidates: Sequence[tuple[str, str]]
    tasks: Sequence[TaskComparison]
    skipped: Sequence[str] = field(default_factory=list)
    forced: Sequence[str] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON values, with the verdict of each task."""
        values = asdict(self)
        for task, plain in zip(self.tasks, values["tasks"], strict=True):
            plain["verdict"] = task.main.verdict(self.alpha)
        return values
