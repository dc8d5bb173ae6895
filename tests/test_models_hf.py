from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.prompt import Prompt
from fasteval.api.request import EngineRequest, Kind, Response
from fasteval.errors import UnsupportedError
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.engine import HostEngine
from fasteval.models.host.hf_backend import _cut, _token_set
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostEngine]:
    checkpoint = make_llama(tmp_path_factory.mktemp("llama") / "checkpoint", length=64)
    engine = HostEngine(EngineConfig("hf", checkpoint), render=lambda prompt: prompt.text or "")
    engine.start()
    yield engine
    engine.close()


def generate(engine: HostEngine, seed: int | None = None, **kwargs: Any) -> Response:
    engine.submit([EngineRequest(0, Kind.GENERATE_UNTIL, Prompt(text="is there"), None, (), kwargs, seed)])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for completion in engine.poll(1.0):
            assert completion.response is not None, completion.error
            return completion.response
    raise TimeoutError


def test_an_answer_has_no_more_tokens_than_asked_for(engine: HostEngine) -> None:
    response = generate(engine, max_new_tokens=5, min_tokens=5)
    assert (5, "length") == (response.output_tokens, response.finish_reason)


def test_an_answer_without_a_limit_ends_where_the_model_does(engine: HostEngine) -> None:
    response = generate(engine, min_tokens=4000)
    assert 64 == response.prompt_tokens + response.output_tokens


def test_an_answer_ends_before_a_stop_string(engine: HostEngine) -> None:
    whole = generate(engine, max_new_tokens=12, min_tokens=12).texts[0]
    stop = whole[2:5]
    response = generate(engine, max_new_tokens=12, until=[stop])
    assert (whole.partition(stop)[0], "stop") == (response.texts[0], response.finish_reason)


def test_sampling_is_repeatable_by_its_seed(engine: HostEngine) -> None:
    answers = [generate(engine, seed, temperature=1.0, max_new_tokens=10).texts for seed in (1, 1, 2)]
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_several_samples_of_one_request(engine: HostEngine) -> None:
    assert 3 == len(set(generate(engine, 1, temperature=1.0, n=3, max_new_tokens=10).texts))


def test_an_option_that_transformers_does_not_have_is_an_error(engine: HostEngine) -> None:
    with pytest.raises(UnsupportedError, match="presence_penalty"):
        generate(engine, presence_penalty=1.0)


def test_the_first_stop_string_in_the_text_cuts_it() -> None:
    assert "ab" == _cut("abcd", ("d", "c"))
    assert None is _cut("abcd", ("x",))
    assert None is _cut("abcd", ())


def test_ends_of_text_come_as_a_number_a_list_or_not_at_all() -> None:
    assert {1, 2, 3} == _token_set(1, [2, 3], None)
