"""`WandbTracker`: hands a run's results to Weights & Biases, online or (`mode=offline`) into a folder."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.evaluation.callbacks import Callback
from fasteval.results.encoding import to_json
from fasteval.results.table import FRAME_COLUMNS, frame_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.results.model import Results, TaskResult

__all__ = ["WandbTracker"]

_SAMPLE_COLUMNS = ("doc_id", "filter", "input", "target", "filtered_resps", "metrics", "error")


class WandbTracker(Callback):
    """Opens a run of W&B at once, so that what it refuses is known before a model loads, and fills it at the end.

    The summary has each number under "task/metric,filter"; a table all metrics, an artifact the results file's content.
    """

    def __init__(
        self, arguments: Mapping[str, Any], config: Mapping[str, Any] | None = None, *, log_samples: bool = False
    ) -> None:
        """Opens the run.

        Args:
            arguments: those of `wandb.init`: project, name, group, mode, ….
            config: further entries of the run's configuration.
            log_samples: a table of samples for each task, too.

        Raises:
            UsageError: wandb is not installed, or refuses.
        """
        try:
            self._wandb = importlib.import_module("wandb")
        except ModuleNotFoundError:
            raise UsageError("W&B needs the package 'wandb': pip install 'fasteval[wandb]'") from None
        self._config, self._log_samples = dict(config or {}), log_samples
        try:
            self._run: Any = self._wandb.init(**arguments)
        except Exception as error:
            raise UsageError(f"W&B refuses ({type(error).__name__}): {' '.join(str(error).split())}") from error

    def on_end(self, results: Results) -> None:
        """Fills the run and ends it."""
        content = results.to_dict()
        self._run.config.update({"fasteval": content["config"], "tasks": content["configs"], **self._config})
        numbers = {
            f"{name}/{key}": value
            for name, entry in content["results"].items()
            for key, value in entry.items()
            if isinstance(value, int | float)
        }
        self._run.summary.update(numbers)
        rows = [[row[column] for column in FRAME_COLUMNS] for row in frame_rows(results)]
        tables = {"results": self._wandb.Table(columns=list(FRAME_COLUMNS), data=rows)}
        if self._log_samples:
            tables |= {f"samples/{name}": self._samples(task) for name, task in results.tasks.items()}
        self._run.log(tables)
        artifact = self._wandb.Artifact(f"results-{self._run.id}", type="evaluation")
        with artifact.new_file("results.json", mode="wb") as file:
            file.write(to_json(content, indent=True))
        self._run.log_artifact(artifact)
        self.close()

    def close(self, *, failed: bool = False) -> None:
        """Ends the run, if it is not; may be called twice."""
        if self._run is not None:
            self._run.finish(exit_code=1 if failed else 0)
            self._run = None

    def _samples(self, task: TaskResult) -> Any:
        lines = (sample.to_dict() for sample in task.samples)
        rows = [[_cell(line.get(column)) for column in _SAMPLE_COLUMNS] for line in lines]
        return self._wandb.Table(columns=list(_SAMPLE_COLUMNS), data=rows)


def _cell(value: Any) -> Any:
    """Returns a value that a column of texts takes."""
    return value if isinstance(value, int | str) else to_json(value).decode()
