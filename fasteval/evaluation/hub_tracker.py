"""`HubTracker`: pushes a run's files to data-set repositories on the Hub, under lm-eval's argument names."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fasteval.errors import FastEvalError, OutputError, UnknownNameError, UsageError
from fasteval.evaluation.callbacks import Callback
from fasteval.results.naming import sanitize_name
from fasteval.results.redaction import remember_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from huggingface_hub import DatasetCard

    from fasteval.results.model import Results

__all__ = ["HubArguments", "HubTracker"]

_LOG = logging.getLogger("fasteval.evaluation")
_CARD = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubArguments:
    """What is pushed, and whereto.

    Attributes:
        hub_results_org: user or organization; "" is whose token it is.
        results_repo_name: repository of the results; "" is that of the samples.
        details_repo_name: repository of the samples.
        hub_repo_name: repository of both, in place of the two.
        push_results_to_hub: push the results.
        push_samples_to_hub: push the samples.
        public_repo: anybody may read; otherwise the repositories are private and their names end in "-private".
        gated: whoever reads the samples has to say who they are.
        token: one that may write there; "" is the one that `hf auth login` or HF_TOKEN gave.
        leaderboard_url: for the repository's card.
        point_of_contact: for the repository's card.
    """

    hub_results_org: str = ""
    results_repo_name: str = ""
    details_repo_name: str = "fasteval-results"
    hub_repo_name: str = ""
    push_results_to_hub: bool = False
    push_samples_to_hub: bool = False
    public_repo: bool = False
    gated: bool = False
    token: str = ""
    leaderboard_url: str = ""
    point_of_contact: str = ""

    def __post_init__(self) -> None:
        """Refuses values of another kind, and arguments that push nothing."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, type(field.default)):
                wanted = "true or false" if field.default is False else "a text"
                raise UsageError(f"--hf_hub_log_args {field.name} is {wanted}, not {value!r}")
        if not (self.push_results_to_hub or self.push_samples_to_hub):
            raise UsageError(
                "--hf_hub_log_args pushes nothing: add push_results_to_hub=true or push_samples_to_hub=true"
            )

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Returns the arguments of that name.

        Raises:
            UnknownNameError: a name that is no argument.
            UsageError: they mean nothing.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownNameError("argument of --hf_hub_log_args", name, known)
        return cls(**values)

    def repositories(self, owner: str) -> tuple[str, str]:
        """Returns the names of the repositories for results and for samples."""
        details = self.hub_repo_name or self.details_repo_name
        results = self.hub_repo_name or self.results_repo_name or details
        ending = "" if self.public_repo else "-private"
        return f"{owner}/{results}{ending}", f"{owner}/{details}{ending}"


class HubTracker(Callback):
    """Opens the repositories at once, so that what the Hub refuses is known before a model loads.

    The files are pushed once they are on disk, in one commit a repository, below a folder of the model's name. The
    repository's card names them as configurations `<model>__results` and `<model>__<task>`, with a split for each run
    and one called `latest`, as lm-eval's does, so that the Hub shows them and `load_dataset` reads them.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Opens the repositories.

        Args:
            arguments: fields of `HubArguments`.

        Raises:
            UsageError: the arguments mean nothing, there is no token, or the Hub refuses.
        """
        import huggingface_hub

        self._arguments = HubArguments.of_mapping(arguments)
        token = self._arguments.token or huggingface_hub.get_token()
        if token is None:
            raise UsageError("pushing to the Hub needs a token: `hf auth login`, or the variable HF_TOKEN")
        remember_secrets({"token": token})
        self._token, self._api = token, huggingface_hub.HfApi(token=token)
        try:
            owner = self._arguments.hub_results_org or self._api.whoami()["name"]
            self._results, self._details = self._arguments.repositories(owner)
            for repository in self._pushed():
                private = not self._arguments.public_repo
                self._api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            if self._arguments.gated and self._arguments.push_samples_to_hub:
                self._api.update_repo_settings(self._details, repo_type="dataset", gated="auto")
        except Exception as error:  # its client raises its own errors, its HTTP library's and the system's
            raise _refusal(UsageError, "the Hub refuses", error) from error

    def on_saved(self, results: Results, paths: Sequence[Path]) -> None:
        """Pushes the files of a run that came to its end.

        Raises:
            OutputError: the Hub does not take them; they are on disk all the same.
        """
        if results.interrupted:
            _LOG.warning("warning: nothing is pushed to the Hub, as the run ended before its last request")
            return
        model = sanitize_name(results.model_name)
        files: dict[str, dict[str, Path]] = defaultdict(dict)
        if self._arguments.push_results_to_hub:
            files[self._results][f"{model}__results"] = paths[0]
        if self._arguments.push_samples_to_hub:
            names = (f"{model}__{sanitize_name(task)}" for task in results.tasks)
            files[self._details] |= dict(zip(names, paths[1:], strict=True))
        for repository, named in files.items():
            try:
                self._commit(repository, model, named, results)
            except Exception as error:  # as above
                what = f"the results are saved, but not pushed to {repository}"
                raise _refusal(OutputError, what, error) from error
            _LOG.info("pushed %d files to %s/datasets/%s", len(named), self._api.endpoint, repository)

    def _pushed(self) -> set[str]:
        """Returns the repositories that get something."""
        wanted = (self._arguments.push_results_to_hub, self._arguments.push_samples_to_hub)
        return {name for name, is_wanted in zip((self._results, self._details), wanted, strict=True) if is_wanted}

    def _commit(self, repository: str, model: str, files: Mapping[str, Path], results: Results) -> None:
        from huggingface_hub import CommitOperationAdd

        places = {name: f"{model}/{path.name}" for name, path in files.items()}
        card = self._card(repository)
        for key in ("leaderboard_url", "point_of_contact"):
            if value := getattr(self._arguments, key):
                card.data[key] = value
        moment = datetime.fromtimestamp(results.started_at).isoformat(timespec="seconds")  # local, as the files' names
        card.data["configs"] = _with_run(card.data.get("configs") or [], places, re.sub(r"\W", "_", moment))
        added = [CommitOperationAdd(places[name], str(path)) for name, path in files.items()]
        self._api.create_commit(
            repository,
            [*added, CommitOperationAdd(_CARD, str(card).encode())],
            repo_type="dataset",
            commit_message=f"Results of {model}: {', '.join(results.tasks)}"[:200],
        )

    def _card(self, repository: str) -> DatasetCard:
        """Returns the repository's card; a new one if it has none."""
        from huggingface_hub import DatasetCard
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return DatasetCard.load(repository, token=self._token)  # type: ignore[no-any-return]  # its base's type
        except EntryNotFoundError:
            return DatasetCard("---\nconfigs: []\n---\n\n# Evaluation results\n\nWritten by fasteval.\n")


def _with_run(configs: list[dict[str, Any]], places: Mapping[str, str], split: str) -> list[dict[str, Any]]:
    """Returns a card's configurations with the files of one more run, which are the latest."""
    known = {config.get("config_name", "default"): config for config in configs}
    for name, place in places.items():
        former = known.get(name, {}).get("data_files") or []
        kept = [entry for entry in former if entry["split"] not in (split, "latest")]
        newest = [{"split": each, "path": [place]} for each in (split, "latest")]
        known[name] = {**known.get(name, {}), "config_name": name, "data_files": [*kept, *newest]}
    return list(known.values())


def _refusal(kind: type[FastEvalError], what: str, error: Exception) -> FastEvalError:
    return kind(f"{what} ({type(error).__name__}): {' '.join(str(error).split())}")
