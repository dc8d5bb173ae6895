"""Checkpoints on an engine host that stays warm: the numbers of separate runs, and nothing of the one before."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import fasteval
from fasteval.api.request import Response
from fasteval.models.create import ModelSource
from fasteval.models.host.process import HostProcess
from fasteval.models.replay import ReplayEngine
from fasteval.tasks import ConfigurableTask
from tests.capitals import TASK
from tests.checkpoints import DEMO, copy_demo, make_llama, perturb_demo

if TYPE_CHECKING:
    from fasteval.models.engine_config import EngineConfig
    from fasteval.results.model import Results


class Launched(HostProcess):
    """Remembers each process that was started."""

    pids: ClassVar[list[int]] = []

    def __init__(self, config: EngineConfig, **options: Any) -> None:
        super().__init__(config, **options)
        self.pids.append(self.pid)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(Launched, "pids", [])
    monkeypatch.setattr("fasteval.distributed.places.HostProcess", Launched)
    return Launched.pids


def answers(results: Results) -> dict[str, list[Any]]:
    return {name: [sample["resps"] for sample in results.samples(name)] for name in results.tasks}


def memory(pid: int) -> int:
    """Returns the resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def test_an_evaluator_keeps_its_host_while_nothing_but_the_weights_differs(tmp_path: Path, launched: list[int]) -> None:
    one, other = (make_llama(tmp_path / f"step-{seed}", seed=seed) for seed in (1, 2))
    longer = make_llama(tmp_path / "longer", seed=2, length=512)
    (tmp_path / "capitals.jsonl").write_text('{"country": "France", "capital": "Paris"}\n')
    (tmp_path / "capitals.yaml").write_text(TASK)
    options: dict[str, Any] = {"no_cache": True, "include_path": str(tmp_path)}
    task = "capitals"
    alone = fasteval.evaluate("hf", task, model_args={"pretrained": str(other)}, **options)
    with fasteval.Evaluator("hf", **options) as evaluator:
        for path in (one, other, one):
            evaluator.load(path)
            results = evaluator.run(task)
            assert (path is other) == (answers(alone) == answers(results))
            assert path is one or alone.statistics.counters == results.statistics.counters
        assert 2 == len(launched)
        evaluator.load(longer)
        evaluator.run(task)
        assert 3 == len(launched)
    assert not any(Path(f"/proc/{pid}").exists() for pid in launched)


def test_a_kept_host_is_gone_before_a_judge_is_loaded_beside_it(
    tmp_path: Path, launched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "capitals.jsonl").write_text('{"country": "France", "capital": "Paris"}\n')
    (tmp_path / "capitals.yaml").write_text(TASK.partition("metric_list")[0] + "judge: binary\n")
    loaded: list[int] = []

    class JudgeEngine(ReplayEngine):
        def start(self) -> None:
            loaded.append(sum(Path(f"/proc/{pid}").exists() for pid in launched))
            super().start()

    def resolve(*_: Any, **__: Any) -> ModelSource:
        return ModelSource("judge", "default", lambda *_: JudgeEngine(lambda _: Response(("1",)), fingerprint="judge"))

    monkeypatch.setattr("fasteval.evaluation.panel.resolve_model", resolve)
    options: dict[str, Any] = {"no_cache": True, "include_path": str(tmp_path), "judge": "hf"}
    llama = make_llama(tmp_path / "llama")
    with fasteval.Evaluator("hf", model_args={"pretrained": str(llama)}, **options) as evaluator:
        for runs in (1, 2):
            assert {"judge,none": 1.0} == evaluator.run("capitals").tasks["capitals"].metrics
            assert ([0] * runs, runs) == (loaded, len(launched))


@pytest.mark.engine
def test_vllm_exchanges_checkpoints_in_a_warm_host_and_frees_the_old_engine(
    tmp_path: Path, launched: list[int]
) -> None:
    other = perturb_demo(tmp_path / "other", 0.25)
    tasks = ["easy_vqa", "easy_vqa_choices"]
    options: dict[str, Any] = {"limit": 40, "no_cache": True}
    alone = fasteval.evaluate("vllm", tasks, model_args={"pretrained": str(other)}, **options)
    launched.clear()
    used = []
    with fasteval.Evaluator("vllm", **options) as evaluator:
        for path in (DEMO, other, DEMO, other):
            evaluator.load(path)
            results = evaluator.run(tasks)
            used.append(memory(launched[0]))
            if path is other:
                assert answers(alone) == answers(results)
                assert alone.statistics.counters == results.statistics.counters
        assert answers(evaluator.run(tasks)) == answers(alone)  # the same weights again: the engine is kept
        assert 1 == len(launched)
    assert used[3] - used[1] < 32, used


@pytest.mark.engine
def test_a_watch_evaluates_a_checkpoint_that_is_written_slowly_once_and_cached_ones_without_an_engine(
    tmp_path: Path,
) -> None:
    copy_demo(tmp_path / "runs" / "step-1")
    weights = (DEMO / "model.safetensors").read_bytes()
    command = [sys.executable, "-m", "fasteval", "sweep", "--checkpoints", "runs/step-*", "--tasks", "easy_vqa"]
    command += ["--limit", "20", "--output_path", "out", "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(fasteval.__file__).parent.parent)}
    watch = subprocess.Popen(
        [*command, "--watch", "--watch_timeout", "300"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    slow = tmp_path / "runs" / "step-2"
    shutil.copytree(DEMO, slow, ignore=shutil.ignore_patterns("*.safetensors"))
    with (slow / "model.safetensors").open("wb") as file:
        file.write(weights[: len(weights) // 2])
        file.flush()
        wait_for_steps(tmp_path / "out" / "sweep.json", [1])
        time.sleep(4)  # longer than a whole checkpoint has to rest
        wait_for_steps(tmp_path / "out" / "sweep.json", [1])
        file.write(weights[len(weights) // 2 :])
    wait_for_steps(tmp_path / "out" / "sweep.json", [1, 2])
    watch.send_signal(signal.SIGINT)
    out, _ = watch.communicate(timeout=60)
    assert 0 == watch.returncode
    points = json.loads(out)["sweep"]
    assert [(1, 20), (2, 0)] == [(point["step"], point["sent"]) for point in points]  # equal weights, known answers
    assert 2 == len(list((tmp_path / "out").glob("*/*_results.json")))

    again = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, check=True)
    points = json.loads(again.stdout)["sweep"]
    assert [(0, 0.0)] * 2 == [(point["sent"], point["stages"]["start"]) for point in points]


def wait_for_steps(path: Path, steps: list[int]) -> None:
    """Waits until a sweep has written that so many checkpoints are done; at once, if it has written it before."""
    found: list[int] = []
    deadline = time.monotonic() + 200
    while found != steps and time.monotonic() < deadline:
        time.sleep(0.2)
        found = [point["step"] for point in json.loads(path.read_text())["sweep"]] if path.exists() else []
    assert steps == found


def test_a_model_that_somebody_wrote_is_built_once_and_cleaned_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "capitals.jsonl").write_text('{"country": "France", "capital": "Paris"}\n')
    (tmp_path / "capitals.yaml").write_text(TASK)
    (tmp_path / "model.py").write_text(
        textwrap.dedent("""
            import fasteval

            said = []

            class Telling(fasteval.LMM):
                def __init__(self, name="first"):
                    super().__init__()
                    self.name = name
                    said.append(f"built {name}")

                def clean(self):
                    said.append(f"cleaned {self.name}")

                def generate_until(self, requests):
                    said.append(self.task_dict["capitals"]["test"][0]["country"])
                    return ["Paris" for _ in requests]
        """)
    )
    with fasteval.Evaluator(f"{tmp_path}/model.py:Telling", include_path=str(tmp_path)) as evaluator:
        for _ in range(2):
            assert 1.0 == evaluator.run("capitals").tasks["capitals"].metrics["exact_match,none"]
    said = sys.modules["fasteval_user_model_model"].said
    assert ["built first", "France", "France", "cleaned first"] == said


def test_tasks_that_are_asked_for_again_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "capitals.jsonl").write_text('{"country": "France", "capital": "Paris"}\n')
    (tmp_path / "capitals.yaml").write_text(TASK)
    compiled: list[float | None] = []
    original = ConfigurableTask.compile

    def compile_and_note(self: ConfigurableTask, options: Any, **others: Any) -> Any:
        compiled.append(others["limit"])
        return original(self, options, **others)

    monkeypatch.setattr(ConfigurableTask, "compile", compile_and_note)
    engine = ReplayEngine(lambda _request: Response(texts=("Paris",)))
    with fasteval.Evaluator(engine, include_path=str(tmp_path), no_cache=True) as evaluator:
        for limit in (None, None, 1, 1, None):
            results = evaluator.run("capitals", limit=limit)
            assert ["Paris"] == [sample["filtered_resps"][0] for sample in results.samples("capitals")]
    assert [None, 1, None] == compiled
