"""Which foreign module's names live where. Modules are named by text, and imported when a task asks for them."""

from __future__ import annotations

__all__ = ["PACKAGES", "REFUSING", "STANDINS", "SUPPLIED"]

#: The packages whose names are supplied. They are refused if the real ones were imported already.
PACKAGES = ("lmms_eval", "lm_eval")

#: Third-party packages that are supplied only where they are not installed.
STANDINS = {
    "azure": "fasteval.compat.azureidentity",
    "azure.identity": "fasteval.compat.azureidentity",
    "evaluate": "fasteval.compat.evaluate",
    "loguru": "fasteval.compat.loguru",
    "openai": "fasteval.compat.openai",
    "requests": "fasteval.compat.requests",
    "requests.exceptions": "fasteval.compat.requestsexceptions",
    "sklearn": "fasteval.compat.sklearn",
    "sklearn.metrics": "fasteval.compat.sklearnmetrics",
}
#: Those of them that let a task load, but refuse to do their work: a warning says so when the task loads.
REFUSING = ("azure.identity", "evaluate", "openai", "requests")

_BOTH: dict[str, tuple[str, ...]] = {
    "": ("fasteval.compat.root",),
    "api": (),
    "api.filter": ("fasteval.compat.filters",),
    "api.instance": ("fasteval.api.instance",),
    "api.metrics": ("fasteval.compat.metrics",),
    "api.registry": ("fasteval.compat.registry",),
    "api.task": ("fasteval.compat.task",),
    "filters": ("fasteval.compat.filters",),
    "filters.extraction": ("fasteval.compat.filters",),
    "filters.selection": ("fasteval.compat.filters",),
    "filters.transformation": ("fasteval.compat.filters",),
    "utils": ("fasteval.compat.utils",),
}
_LMMS_EVAL: dict[str, tuple[str, ...]] = {
    "api.reasoning": ("fasteval.compat.thinking",),
    "azure_openai_compat": ("fasteval.compat.azure",),
    "llm_judge": ("fasteval.compat.judge",),
    "llm_judge.protocol": ("fasteval.compat.judge",),
    "loggers": (),
    "loggers.evaluation_tracker": ("fasteval.compat.tracker",),
    "verifiers": ("fasteval.compat.verifiers", "fasteval.compat.extractors", "fasteval.compat.openaiverifier"),
    "verifiers.base": ("fasteval.compat.verifiers",),
    "verifiers.extractors": ("fasteval.compat.extractors",),
    "verifiers.openai": ("fasteval.compat.openaiverifier",),
    "verifiers.pipeline": ("fasteval.compat.verifiers",),
    "tasks.asr_wer_utils": ("fasteval.compat.speech",),
    "tasks._task_utils": (),
    "tasks._task_utils.default_template_yaml": ("fasteval.compat.templates",),
    "tasks._task_utils.file_utils": ("fasteval.compat.submissions",),
    "tasks._task_utils.math_verify_utils": ("fasteval.compat.mathverify",),
    "tasks._task_utils.mcq_extract": ("fasteval.compat.letters",),
    "tasks._task_utils.media_resolver": ("fasteval.compat.mediafiles",),
    "tasks._task_utils.mmmu_mcq_utils": ("fasteval.compat.mmmu",),
    "tasks._task_utils.point_format": ("fasteval.compat.points",),
    "tasks._task_utils.reasoning_utils": ("fasteval.compat.reasoning", "fasteval.compat.reasoningtasks"),
    "tasks._task_utils.video_loader": ("fasteval.compat.videofiles",),
    "tasks._task_utils.vqa_eval_metric": ("fasteval.compat.vqa",),
}

#: Foreign module -> our modules whose public names it has.
SUPPLIED: dict[str, tuple[str, ...]] = {
    f"{package}.{name}" if name else package: ours
    for package, table in (("lmms_eval", _BOTH | _LMMS_EVAL), ("lm_eval", _BOTH))
    for name, ours in table.items()
}
