"""`--deterministic`: answers that do not depend on the batch, and the check that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import fasteval
from fasteval.api.request import Completion, EngineRequest, Response
from fasteval.api.task import PromptOptions
from fasteval.cache import ResponseCache
from fasteval.errors import UsageError
from fasteval.evaluation.determinism import verify_determinism
from fasteval.models.checkpoint.fingerprint import engine_fingerprint
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.environment import host_environment
from fasteval.models.replay import ReplayEngine
from fasteval.requests import compile_requests
from fasteval.scheduling import RequestLoader, Stream, make_plan
from tests.checkpoints import make_llama
from tests.stubs import ListTask, echo

if TYPE_CHECKING:
    from pathlib import Path


class Batching(ReplayEngine):
    """Says in its answer to one question how many it had in hand."""

    def poll(self, timeout: float) -> list[Completion]:
        count = len(self._pending)

        def answer(request: EngineRequest) -> Response:
            text = request.prompt.plain_text()
            return Response((f"{text} of {count}" if text == "q17" else text,))

        self._answer = answer
        return super().poll(timeout)


def verify(engine: ReplayEngine) -> dict[str, object]:
    task = ListTask([{"question": f"q{number}"} for number in range(18)])
    table = compile_requests(task, range(18), PromptOptions())
    cache = ResponseCache.in_memory()
    plan = make_plan(table, cache, "m", seed=0)
    loader = RequestLoader(plan, {"list": task})
    assert 18 == len(list(Stream(plan, loader, engine, cache, fingerprint="m", seed=0)))
    return verify_determinism(plan, loader, engine, cache)


def test_a_sample_is_asked_again_alone_and_agrees() -> None:
    engine = ReplayEngine(echo)
    assert {"verified": 16, "differing": [], "sampled_from": 18} == verify(engine)
    assert 18 + 16 == len(engine.requests)


def test_an_answer_that_depends_on_the_batch_is_named() -> None:
    assert ["list, document 17"] == verify(Batching(echo))["differing"]


def test_deterministic_answers_have_keys_of_their_own(tmp_path: Path) -> None:
    checkpoint = make_llama(tmp_path / "llama")
    one, other = (EngineConfig("vllm", checkpoint, deterministic=flag) for flag in (False, True))
    assert engine_fingerprint(one) != engine_fingerprint(other)


def test_arguments_that_contradict_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--deterministic and the model argument max_num_seqs contradict"):
        EngineConfig("vllm", tmp_path, {"max_num_seqs": 8}, deterministic=True)


def test_a_gpu_build_is_asked_for_batch_invariant_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.models.host.environment.is_cpu_build", lambda: False)
    assert "1" == host_environment({}, deterministic=True)["VLLM_BATCH_INVARIANT"]
    assert "VLLM_BATCH_INVARIANT" not in host_environment({})


def test_models_whose_batches_nobody_knows_are_refused() -> None:
    with pytest.raises(UsageError, match="--deterministic is for checkpoints"):
        fasteval.evaluate(ReplayEngine(echo), "easy_vqa", deterministic=True)


@pytest.mark.engine
def test_the_demo_model_answers_alike_alone_and_is_said_to(tmp_path: Path) -> None:
    results = fasteval.evaluate(
        "demo", ["easy_vqa", "easy_vqa_choices"], deterministic=True, limit=12, bootstrap_iters=0, use_cache=tmp_path
    )
    found = results.manifest["determinism"]
    assert (16, []) == (found["verified"], found["differing"])
    assert results.is_complete
    rows = np.array([sample.doc_id for sample in results.tasks["easy_vqa"].samples])
    assert 12 == len(rows)
