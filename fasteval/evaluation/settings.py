"""`RunSettings`: one run, described. What the command line, a configuration file and the Python API all become."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.api.task import PromptOptions
from fasteval.errors import UnknownNameError, UsageError
from fasteval.evaluation.errorlimit import ErrorLimit
from fasteval.results.layouts import find_layout
from fasteval.results.redaction import REDACTED
from fasteval.tasks.peerfaults import check_harness

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from fasteval.api.model import LMM
    from fasteval.api.task import Task
    from fasteval.models.engine import Engine

__all__ = ["WITHOUT_EFFECT", "RunSettings"]

#: Settings that change no number and no sample of a complete run.
WITHOUT_EFFECT = frozenset(
    {"output_path", "log_samples", "report", "layout", "heartbeat_timeout", "window", "shuffle_seed"}
    | {"replicas", "executor", "ray_address", "ray_args"}
)

EXECUTORS = ("local", "ray")
_PATHS = ("use_cache", "output_path")
_TUPLES = ("include_path", "reasoning_tags", "tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything that decides a run.

    Attributes:
        model: a name (`fasteval models`), `path/to/file.py:Class`, or a model or engine object.
        model_args: arguments of the model.
        tasks: names of tasks, groups or tags, patterns, YAML files, or task objects.
        include_path: folders with further tasks.
        datasets: local copies by data-set name.
        limit: documents a task; below 1 a share of them; None means all.
        offset: documents to skip before the limit counts.
        num_fewshot: examples before the question; None takes the task's own number.
        gen_kwargs: generation kwargs that override the tasks' own.
        apply_chat_template: None means: where a document has media.
        fewshot_as_multiturn: examples as turns of a dialog.
        system_instruction: text of a system turn.
        prompt_profile: entry of `lmms_eval_specific_kwargs`; None takes the model's own.
        use_cache: folder of the response cache; None means the user's.
        no_cache: keep no response beyond the run, and read none.
        cache_sampled: keep and read sampled answers too, each under the seed of its own request.
        cache_requests: keep compiled requests on disk.
        rewrite_requests_cache: compile again and replace what is kept.
        output_path: folder (or .json file) for the results; None writes none.
        log_samples: write the samples too.
        report: write the report too (HTML); it shows the samples if they are written.
        layout: whose names and shapes the files have: "fasteval", "lmms-eval" or "lm-eval".
        seed: what sampled answers are drawn from.
        fewshot_seed: what few-shot examples are drawn from.
        rank: this process among `world_size`.
        world_size: how many processes share the documents.
        replicas: engines that share the work of this process.
        executor: where the engines run: "local" on this machine, or "ray" on the nodes of a Ray cluster.
        ray_address: the cluster's address; None for the one that this machine belongs to, or else one of its own.
        ray_args: options of each replica's actor, as Ray names them (`num_cpus`, `num_gpus`, `resources`, …).
        repeats: answers a document; None takes the task's own number.
        predict_only: answers without metrics.
        confirm_run_unsafe_code: run tasks whose scoring runs code that the model wrote.
        reasoning_tags: pairs of tags whose content is removed before scoring; empty removes nothing.
        bootstrap_iters: draws for standard errors that have no closed form; 0 computes none.
        window: requests in flight; None leaves it to the engine.
        shuffle_seed: send requests in a random order (results do not change; tests show it).
        on_error: "finish" leaves failed documents out of the metrics and says so; "fail" stops at the first, and
            "threshold=1%" (or a number of documents: "threshold=20") as soon as more than that have failed.
        heartbeat_timeout: seconds without a sign of life until the engine counts as hung and is started again.
        deterministic: answers must not depend on what else is in the engine; verified on a sample.
        trust_remote_code: let checkpoints bring their own code.
        compat: the harness whose known faults are in the scoring; None scores by the benchmarks' rules.
        judge: the model that scoring asks about answers, named like `model`; None means there is none.
        judge_args: its arguments.
    """

    model: str | LMM | Engine
    model_args: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[str | Task, ...]
    include_path: tuple[str, ...] = ()
    datasets: dict[str, str] = field(default_factory=dict)
    limit: float | None = None
    offset: int = 0
    num_fewshot: int | None = None
    gen_kwargs: dict[str, Any] = field(default_factory=dict)
    apply_chat_template: bool | None = None
    fewshot_as_multiturn: bool = False
    system_instruction: str | None = None
    prompt_profile: str | None = None
    use_cache: Path | None = None
    no_cache: bool = False
    cache_sampled: bool = True
    cache_requests: bool = False
    rewrite_requests_cache: bool = False
    output_path: Path | None = None
    log_samples: bool = True
    report: bool = True
    layout: str = "fasteval"
    seed: int = 1234
    fewshot_seed: int = 1234
    rank: int = 0
    world_size: int = 1
    replicas: int = 1
    executor: str = "local"
    ray_address: str | None = None
    ray_args: dict[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    predict_only: bool = False
    confirm_run_unsafe_code: bool = False
    reasoning_tags: tuple[tuple[str, str], ...] = (("<think>", "</think>"), ("<analysis>", "</analysis>"))
    bootstrap_iters: int = 100_000
    window: int | None = None
    shuffle_seed: int | None = None
    on_error: str = "finish"
    heartbeat_timeout: float = 300.0
    trust_remote_code: bool = False
    compat: str | None = None
    judge: str | Engine | None = None
    judge_args: dict[str, Any] = field(default_factory=dict)
    deterministic: bool = False

    def __post_init__(self) -> None:
        """Refuses settings that contradict each other or mean nothing."""
        if not self.tasks:
            raise UsageError("no tasks are named: pass --tasks (and see `fasteval tasks list`)")
        ErrorLimit.parse(self.on_error)
        find_layout(self.layout)
        if self.compat is not None:
            check_harness(self.compat)
        if self.no_cache and self.use_cache is not None:
            raise UsageError("--no_cache and --use_cache contradict each other")
        if self.executor not in EXECUTORS:
            raise UnknownNameError("executor", self.executor, EXECUTORS)
        if self.executor != "ray" and (self.ray_address is not None or self.ray_args):
            raise UsageError("--ray_address and --ray_args go with --executor ray")
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not self.heartbeat_timeout > 0:
            raise UsageError(f"--heartbeat_timeout must be more than 0 seconds, got {self.heartbeat_timeout}")
        for name in ("offset", "num_fewshot", "bootstrap_iters"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"--{name} must not be negative, got {value}")
        for name in ("window", "repeats", "replicas", "world_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} must be at least 1, got {value}")

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Returns the settings that a mapping describes: paths may be texts, and tuples lists or single texts.

        Raises:
            UnknownNameError: a name that is no setting.
            UsageError: settings that contradict each other or mean nothing, or a value that was redacted.
        """
        known = {field.name for field in fields(cls)}
        settings = dict(values)
        for name, value in values.items():
            if name not in known:
                raise UnknownNameError("option", name, known)
            if REDACTED in str(value):
                raise UsageError(f"{name} was redacted when it was written: give it again")
            if value is not None and name in _PATHS:
                settings[name] = Path(value)
            elif value is not None and name in _TUPLES:
                settings[name] = (value,) if isinstance(value, str) else tuple(map(_frozen, value))
        return cls(**settings)

    def prompt_options(self, prompt_profile: str) -> PromptOptions:
        """Returns the part that changes what a model reads."""
        return PromptOptions(
            num_fewshot=self.num_fewshot,
            system_instruction=self.system_instruction,
            apply_chat_template=self.apply_chat_template,
            fewshot_as_multiturn=self.fewshot_as_multiturn,
            prompt_profile=prompt_profile,
            fewshot_seed=self.fewshot_seed,
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
