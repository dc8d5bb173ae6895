"""What the Hub is handed: by its own client over real sockets, to a server on loopback that keeps what it gets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fasteval.errors import FastEvalError
from fasteval.evaluation.hub_tracker import HubArguments
from tests.capitals import fasteval
from tests.cli_stub import run
from tests.loopback_hub import LoopbackHub

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli_stub import Evaluation

TOKEN = "hf_thisIsTheTokenOfNobody"
BOTH = "push_results_to_hub=true,push_samples_to_hub=true"


class Hub(LoopbackHub):
    """Speaks the part of the Hub's protocol that pushing takes.

    Attributes:
        repositories: content by path, by repository.
        settings: what repositories were made with, and changed to.
        refuses: part of the paths that are answered with "forbidden".
        tokens: those that came.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.refuses = "nothing"
        self.tokens: set[str] = set()
        super().__init__()

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any]:
        self.tokens.add(token)
        if self.refuses in path:
            return 403, {"error": "no rights"}
        name = "/".join(path.replace("/api", "").split("/")[2:4])
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.repositories.setdefault(name, {})
            self.settings.setdefault(name, {}).update(asked)
        elif path.endswith("/settings"):
            self.settings[name].update(json.loads(body))
        elif "/preupload/" in path:
            files = [{"uploadMode": "regular", "shouldIgnore": False, **file} for file in json.loads(body)["files"]]
            return 200, {"files": files}
        elif "/commit/" in path:
            files = [entry["value"] for entry in map(json.loads, body.splitlines()) if entry["key"] == "file"]
            self.repositories[name] |= {file["path"]: base64.b64decode(file["content"]) for file in files}
        elif "/resolve/" in path:
            card = self.repositories[name].get("README.md")
            return (404, {}) if card is None else (200, card)
        url = f"{self.url}/datasets/{name}"
        # One reply holds what each question wants to read.
        about = {"url": url, "commitUrl": f"{url}/commit/1", "commitOid": "1", "name": "somebody"}
        return 200, {**about, "errors": [], "warnings": []}

    def is_private(self, name: str) -> bool:
        """Whether a repository was made for its owner's eyes only, in the words of old clients or new ones."""
        return self.settings[name].get("visibility") == "private" or self.settings[name].get("private") is True

    def configs(self, name: str) -> dict[str, dict[str, list[str]]]:
        """Returns the paths of each split of each configuration that a repository's card names."""
        _, header, _ = self.repositories[name]["README.md"].decode().split("---\n", 2)
        return {
            config["config_name"]: {entry["split"]: entry["path"] for entry in config["data_files"]}
            for config in yaml.safe_load(header)["configs"]
        }


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def pushed(
    hub: Hub, folder: Path, arguments: str, *words: str, model: str = "Rome"
) -> subprocess.CompletedProcess[str]:
    """Evaluates with results in `folder`/out that are pushed to `hub`."""
    words = ("--output_path", f"{folder}/out", "--hf_hub_log_args", arguments, *words)
    environment = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HOME": f"{folder}/hf"}
    return fasteval(folder, model, *words, **environment)


def test_results_and_samples_are_pushed_as_they_are_on_disk_and_the_card_names_them(hub: Hub, tmp_path: Path) -> None:
    done = pushed(hub, tmp_path, BOTH)
    assert 0 == done.returncode, done.stderr
    (repository,) = hub.repositories
    assert "somebody/fasteval-results-private" == repository
    assert hub.is_private(repository)
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")}
    files = hub.repositories[repository]
    assert 2 == len(written)
    assert written == {path.split("/")[1]: content for path, content in files.items() if path != "README.md"}
    (model,) = {path.split("/")[0] for path in files} - {"README.md"}
    configs = hub.configs(repository)
    assert {f"{model}__results", f"{model}__capitals"} == configs.keys()
    (samples,) = configs[f"{model}__capitals"]["latest"]
    assert samples in files
    assert TOKEN in hub.tokens


def test_a_second_run_is_one_more_split_and_the_latest(hub: Hub, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        done = pushed(hub, tmp_path, f"{BOTH},hub_results_org=us,public_repo=true", "--seed", seed, "--no_cache")
        assert 0 == done.returncode, done.stderr
    (repository,) = hub.repositories
    assert "us/fasteval-results" == repository
    assert not hub.is_private(repository)
    for splits in hub.configs(repository).values():
        first, second, latest = splits.values()
        assert first != second == latest
        assert {*first, *second} <= hub.repositories[repository].keys()


def test_results_and_samples_may_go_to_two_repositories_and_samples_be_gated(hub: Hub, tmp_path: Path) -> None:
    names = "results_repo_name=scores,details_repo_name=answers,public_repo=true,gated=true"
    done = pushed(hub, tmp_path, f"{BOTH},{names},leaderboard_url=https://x.org,point_of_contact=a@x.org")
    assert 0 == done.returncode, done.stderr
    assert {"somebody/scores", "somebody/answers"} == hub.repositories.keys()
    assert "auto" == hub.settings["somebody/answers"]["gated"]
    assert "gated" not in hub.settings["somebody/scores"]
    assert b"point_of_contact: a@x.org" in hub.repositories["somebody/answers"]["README.md"]


def test_what_the_hub_refuses_is_one_line_before_anything_is_evaluated(hub: Hub, tmp_path: Path) -> None:
    hub.refuses = "/repos/create"
    done = pushed(hub, tmp_path, f"{BOTH},token={TOKEN}", model="Raising")
    assert 2 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith("fasteval: error: the Hub refuses (")
    assert TOKEN not in line


def test_a_push_that_fails_costs_the_exit_code_and_no_result(hub: Hub, tmp_path: Path) -> None:
    hub.refuses = "/commit/"
    done = pushed(hub, tmp_path, f"{BOTH},token={TOKEN}")
    assert 1 == done.returncode
    assert "exact_match" in done.stdout
    line = done.stderr.splitlines()[-1]
    assert line.startswith(
        "fasteval: error: the results are saved, but not pushed to somebody/fasteval-results-private ("
    )
    assert 2 == len(list((tmp_path / "out").rglob("*.json*")))
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [] == [text for text in (done.stdout, done.stderr, *texts) if TOKEN in text]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "needs --output_path"),
        (("--output_path", "out", "--log_samples", "false"), "contradict each other"),
        (("--output_path", "out", "--world_size", "2"), "one rank has no results"),
    ],
)
def test_flags_that_leave_nothing_to_push_are_refused(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert 2 == run("--hf_hub_log_args", BOTH, *words)
    assert message in capsys.readouterr().err
    assert [] == evaluation.seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hub_results_org": "us"}, "pushes nothing"),
        ({"push_results_to_hub": "perhaps"}, "is true or false"),
        ({"push_result_to_hub": True}, "did you mean 'push_results_to_hub'?"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FastEvalError) as caught:
        HubArguments.of_mapping(arguments)
    assert message in str(caught.value)
