"""`fasteval bench`: what is asked, what is counted, and what is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.request import EngineRequest, Response
from fasteval.cli import main
from fasteval.errors import UsageError
from fasteval.evaluation.settings import RunSettings
from fasteval.evaluation.throughput import Synthetic, Throughput, measure
from fasteval.media.media import decode_image
from fasteval.models.replay import ReplayEngine
from fasteval.results.progress import SilentProgress
from fasteval.results.statistics import RunStatistics

if TYPE_CHECKING:
    from pathlib import Path


def answer(request: EngineRequest) -> Response:
    return Response(("time",), output_tokens=1, prompt_tokens=2, finish_reason="stop")


def measured(shape: Synthetic, runs: int = 1, **settings: Any) -> tuple[ReplayEngine, Throughput]:
    engine = ReplayEngine(answer)
    wanted = RunSettings(model=engine, tasks=(shape.task(),), **settings)
    return engine, measure(wanted, runs, SilentProgress)


def test_made_up_requests_differ_and_have_the_shape_that_was_asked_for() -> None:
    engine, throughput = measured(Synthetic(requests=5, words=7, output_tokens=3, images=2, image_size=20))
    assert 5 == throughput.runs[0].sent == len({request.prompt.plain_text() for request in engine.requests})
    for request in engine.requests:
        assert 7 == len(request.prompt.plain_text().replace("<image>", "").split())
        kwargs = request.generation_kwargs or {}
        assert (3, 3) == (kwargs["min_tokens"], kwargs["max_new_tokens"])
        assert [(20, 20)] * 2 == [decode_image(medium).size for medium in request.media]


def test_each_run_asks_everything_anew_and_leaves_nothing_behind(tmp_path: Path) -> None:
    engine, throughput = measured(
        Synthetic(requests=4, words=3), runs=3, use_cache=tmp_path / "cache", output_path=tmp_path / "out"
    )
    assert 12 == len(engine.requests)
    assert [4, 4, 4] == [run.sent for run in throughput.runs]
    assert [] == list(tmp_path.iterdir())


def test_the_median_of_each_figure_is_over_the_runs() -> None:
    runs = tuple(RunStatistics(stages={"engine": seconds}, requests=12, sent=12) for seconds in (1.0, 2.0, 6.0))
    described = Throughput(runs).to_dict()
    assert 2.0 == described["median"]["wall_seconds"] == described["median"]["stages"]["engine"]
    assert 6.0 == described["median"]["requests_per_second"]
    assert "| whole run, s                  |   1.0 |   2.0 |   6.0 |    2.0 |" in Throughput(runs).table()


@pytest.mark.parametrize("shape", [{"requests": 0}, {"words": 0}, {"output_tokens": 0}, {"images": -1}])
def test_shapes_that_are_none_are_refused(shape: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(shape))):
        Synthetic(**shape)


def test_a_shape_and_tasks_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["bench", "--model", "demo", "--tasks", "easy_vqa", "--words", "3"])
    assert "--words shapes made-up requests" in capsys.readouterr().err


def test_tasks_are_measured_and_printed_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(
        "import fasteval\n\n\nclass Mute(fasteval.LMM):\n"
        "    def generate_until(self, requests):\n        return ['' for _ in requests]\n"
    )
    model = f"{tmp_path}/model.py:Mute"
    assert 0 == main(["bench", "--model", model, "--requests", "6", "--runs", "2", "--quiet", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [6, 6] == [run["sent"] for run in found["runs"]]
    assert {"wall_seconds", "stages", "requests_per_second"} < found["median"].keys()
