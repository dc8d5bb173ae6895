"""Scoring again without a model, and running again: both are runs like any other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.cli import main
from fasteval.errors import RequestError, SavedResultsError
from fasteval.evaluation.reproduce import Difference, manifest_differences, reproduce
from fasteval.evaluation.rescore import rescore, saved_settings
from fasteval.models.replay import ReplayEngine
from fasteval.results.saved import read_run
from tests.servers import ScriptedServer, chat_reply
from tests.stubs import echo
from tests.task_folders import UTILS, write
from tests.test_evaluation import TASKS, folder, numbers

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results

__all__ = ["folder"]  # the fixture with one task of each kind


def run(folder: Path, output: Path, *names: str, **options: Any) -> Results:
    options = {"include_path": (str(folder),), "bootstrap_iters": 50, "output_path": output, **options}
    return fasteval.evaluate(ReplayEngine(echo, fingerprint="the model"), names or tuple(TASKS), **options)


@pytest.mark.parametrize("name", TASKS)
def test_a_run_that_is_scored_again_has_the_same_numbers_and_samples(folder: Path, tmp_path: Path, name: str) -> None:
    original = run(folder, tmp_path / "out", name)
    again = rescore(read_run(tmp_path / "out"))
    assert again.is_complete
    assert metrics(original) == metrics(again)
    assert [shown(sample) for sample in original.samples(name)] == [shown(sample) for sample in again.samples(name)]


def metrics(results: Results) -> dict[str, Any]:
    return {name: (dict(task.metrics), dict(task.stderrs)) for name, task in results.tasks.items()}


def shown(sample: dict[str, Any]) -> dict[str, Any]:
    """Returns a sample without its keys: a dialog's is that of its first round once, and of the whole the next time."""
    return {name: value for name, value in sample.items() if name != "request_keys"}


JUDGED = """
task: judged
custom_dataset: !function utils.load
test_split: test
doc_to_text: question
doc_to_target: answer
judge: binary
"""


def verdicts(*, fails_at: str = "nowhere") -> ReplayEngine:
    """Returns a judge that says 1, and fails at questions with a certain text."""

    def answer(request: EngineRequest) -> Response:
        if fails_at in request.prompt.plain_text():
            raise RequestError("too busy")
        return Response(("1",), prompt_tokens=3, output_tokens=1)

    return ReplayEngine(answer, fingerprint="the judge")


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    return write(tmp_path / "judged", {"judged.yaml": JUDGED, "utils.py": UTILS})


@pytest.mark.parametrize(
    "options", [{"no_cache": True}, {"log_samples": False, "use_cache": "cache"}], ids=["samples", "cache"]
)
def test_a_judge_is_not_asked_again(judged: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    options = {name: tmp_path / value if name == "use_cache" else value for name, value in options.items()}
    original = run(judged, tmp_path / "out", "judged", judge=verdicts(), **options)
    judge = verdicts()
    again = rescore(read_run(tmp_path / "out"), judge=judge)
    assert {"judge,none": 1.0} == original.tasks["judged"].metrics == again.tasks["judged"].metrics
    assert (0, []) == (judge.started, judge.requests)
    assert 5 == again.statistics.counters["judge_cache_hits"]


def test_a_judges_server_may_be_gone_when_all_its_answers_are_recorded(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ScriptedServer(lambda _path, _body: (200, chat_reply("1")), [{"id": "the judge"}])
    asked = {"judge": "openai", "judge_args": {"base_url": server.url}}
    run(judged, tmp_path / "out", "judged", no_cache=True, **asked)
    assert 5 == len(server.asked)
    server.close()
    assert 0 == main(["rescore", str(tmp_path / "out"), "--include_path", str(judged)])
    assert "judge" in capsys.readouterr().out


def test_a_judge_is_asked_what_it_did_not_answer_before(judged: Path, tmp_path: Path) -> None:
    original = run(judged, tmp_path / "out", "judged", judge=verdicts(fails_at="q3"), no_cache=True)
    judge = verdicts()
    again = rescore(read_run(tmp_path / "out"), judge=judge)
    assert (1, 0) == (original.tasks["judged"].errors, again.tasks["judged"].errors)
    [request] = judge.requests
    assert "q3" in request.prompt.plain_text()


@pytest.mark.parametrize("name", TASKS)
def test_without_samples_the_answers_come_from_the_cache(folder: Path, tmp_path: Path, name: str) -> None:
    original = run(folder, tmp_path / "out", name, use_cache=tmp_path / "cache", log_samples=False)
    assert numbers(original) == numbers(rescore(read_run(tmp_path / "out")))


def test_without_samples_and_cache_there_is_nothing_to_score(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out", "generate", no_cache=True, log_samples=False)
    with pytest.raises(SavedResultsError, match="there are no answers"):
        rescore(read_run(tmp_path / "out"))


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_changed_metric_changes_the_score_and_asks_no_model(folder: Path, tmp_path: Path) -> None:
    original = run(folder, tmp_path / "out", "generate", no_cache=True)
    change(folder, "generate", "metric: exact_match,", "metric: anls,")
    again = rescore(read_run(tmp_path / "out"))
    assert {"exact_match,none"} == set(original.tasks["generate"].metrics)
    assert {"anls,none"} == set(again.tasks["generate"].metrics)
    assert [sample["resps"] for sample in original.samples("generate")] == [
        sample["resps"] for sample in again.samples("generate")
    ]


def test_a_changed_filter_changes_the_score(folder: Path, tmp_path: Path) -> None:
    original = run(folder, tmp_path / "out", "generate", no_cache=True)
    with (folder / "generate.yaml").open("a") as file:
        file.write('filter_list: [{name: second, filter: [{function: regex, regex_pattern: "(q.*)"}]}]\n')
    again = rescore(read_run(tmp_path / "out"))
    assert original.tasks["generate"].metrics["exact_match,none"] > 0
    assert {"exact_match,second": 0.0} == dict(again.tasks["generate"].metrics)


def test_a_changed_prompt_has_no_answer_and_is_never_given_an_old_one(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out", "generate", no_cache=True)
    change(folder, "generate", "{{question}}", "{% if question == 'q3' %}new {% endif %}{{question}}")
    again = rescore(read_run(tmp_path / "out"))
    asked = [doc_id for doc_id in range(40) if doc_id % 17 == 3]
    assert [("generate", doc_id) for doc_id in asked] == [row[:2] for row in again.error_rows()]
    assert "no answer to this request is recorded" in next(again.error_rows())[2]
    assert not again.is_complete


def test_the_command_scores_again_and_writes_new_results(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, tmp_path / "out", "generate", no_cache=True)
    assert 0 == main(["rescore", str(tmp_path / "out"), "--output_path", str(tmp_path / "new.json")])
    old, new = read_run(tmp_path / "out"), read_run(tmp_path / "new.json")
    assert old.tasks["generate"].values == new.tasks["generate"].values
    assert [("rescored_from")] == [
        difference.part for difference in manifest_differences(new, old) if difference.part.startswith("rescored")
    ] or new.facts["manifest"]["rescored_from"] == old.path
    assert "generate" in capsys.readouterr().out


def test_results_of_other_programs_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x_results.json").write_bytes(orjson.dumps({"results": {"mme": {"score,none": 1}}}))
    assert 1 == main(["rescore", str(tmp_path)])
    assert "there is no manifest" in capsys.readouterr().err


def test_the_saved_settings_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out", "generate", no_cache=True, limit=7, reasoning_tags=[["<a>", "</a>"]])
    settings = saved_settings(read_run(tmp_path / "out"), model="demo")
    assert (7, ("generate",), (("<a>", "</a>"),)) == (settings.limit, settings.tasks, settings.reasoning_tags)
    assert (folder,) == tuple(map(type(folder), settings.include_path))


def answers_file(path: Path, text: str) -> str:
    lines = [{"prompt": f"q{number}", "text": text.format(number)} for number in range(17)]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return f"answers={path}"


@pytest.fixture
def saved(folder: Path, tmp_path: Path) -> Path:
    """A run of recorded answers from the command line."""
    arguments = answers_file(tmp_path / "answers.jsonl", "echo q{}")
    command = ["run", "--model", "replay", "--model_args", arguments, "--tasks", "generate"]
    command += ["--include_path", str(folder), "--output_path", str(tmp_path / "out")]
    assert 0 == main(command)
    return tmp_path / "out"


def test_a_run_is_reproduced_without_reading_the_cache(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = reproduce(read_run(saved))
    assert outcome.is_same
    assert () == outcome.made_of
    assert (0, 40) == (outcome.results.statistics.cache_hits, outcome.compared)
    assert 0 == main(["reproduce", str(saved)])
    assert "the same scores, and the same answers to 40 documents" in capsys.readouterr().out


def test_what_differs_is_said(saved: Path, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers_file(tmp_path / "answers.jsonl", "other q{}")
    change(folder, "generate", "max_new_tokens: 4", "max_new_tokens: 5")
    capsys.readouterr()
    assert 1 == main(["reproduce", str(saved)])
    said = capsys.readouterr().out
    assert "made of: model.fingerprint: replay " in said
    assert "made of: tasks.generate.sampling: " in said
    assert "made of: tasks.generate.requests" not in said
    assert "scores: generate.exact_match,none: 0.65 -> 0.0" in said
    assert "answers: generate: 40 documents differ: 0, 1, 2, " in said


def test_manifests_of_equal_runs_do_not_differ(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run(folder, tmp_path / name, no_cache=True)
    one, other = (read_run(tmp_path / name) for name in ("one", "other"))
    assert [] == list(manifest_differences(one, other))
    facts = {**other.facts, "software_versions": {**other.facts["software_versions"], "numpy": "0"}}
    changed = dataclasses.replace(other, facts=facts)
    numpy = one.facts["software_versions"]["numpy"]
    assert [Difference("versions.numpy", numpy, "0")] == list(manifest_differences(one, changed))


def test_how_a_run_cached_its_answers_does_not_keep_it_from_being_scored_again(folder: Path, tmp_path: Path) -> None:
    original = run(folder, tmp_path / "out", "sampled", cache_sampled=False)
    again = rescore(read_run(tmp_path / "out"))
    assert metrics(original) == metrics(again)
    assert again.config["cache_sampled"] is False
