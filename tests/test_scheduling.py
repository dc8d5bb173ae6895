"""Plan and stream: each answer is computed once, reaches every row that wants it, and is in the cache first."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fasteval.api.prompt import Prompt
from fasteval.api.request import EngineRequest, Kind, Response
from fasteval.api.task import PromptOptions
from fasteval.cache import ResponseCache
from fasteval.errors import RequestError, TaskError
from fasteval.media import LazyImage
from fasteval.models.replay import ReplayEngine
from fasteval.requests import RequestTable, compile_requests
from fasteval.scheduling import Answer, FollowUp, RequestLoader, Stream, make_plan
from tests.stubs import ListTask, echo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run(
    tasks: Sequence[ListTask],
    *,
    answer: Callable[[EngineRequest], Response] = echo,
    cache: ResponseCache | None = None,
    window: int | None = None,
    shuffle_seed: int | None = None,
    newest_first: bool = False,
    seed: int = 0,
) -> tuple[list[Answer], ReplayEngine, Stream]:
    options = PromptOptions()
    table = RequestTable.concatenate([compile_requests(task, range(len(task.docs)), options) for task in tasks])
    cache = ResponseCache.in_memory() if cache is None else cache
    plan = make_plan(table, cache, "model", seed=seed, shuffle_seed=shuffle_seed)
    engine = ReplayEngine(answer, newest_first=newest_first)
    by_name = {task.name: task for task in tasks}
    stream = Stream(plan, RequestLoader(plan, by_name), engine, cache, fingerprint="model", seed=seed, window=window)
    return sorted(stream, key=lambda answer: answer.row), engine, stream


def questions(*texts: str, **options: object) -> ListTask:
    return ListTask([{"question": text} for text in texts], **options)  # type: ignore[arg-type]  # test shorthand


def texts(answers: list[Answer]) -> list[str | None]:
    return [None if answer.response is None else answer.response.texts[0] for answer in answers]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(1, 8), st.booleans())
def test_every_row_gets_its_own_answer_and_none_is_computed_twice(
    words: list[str], window: int, newest_first: bool
) -> None:
    answers, engine, _ = run([questions(*words)], window=window, newest_first=newest_first, shuffle_seed=window)
    assert [f"echo {word}" for word in words] == texts(answers)
    assert len(set(words)) == len(engine.requests)


def test_equal_requests_of_two_tasks_are_one() -> None:
    answers, engine, _ = run([questions("a", "b", task_name="one"), questions("b", "c", task_name="two")])
    assert ["echo a", "echo b", "echo b", "echo c"] == texts(answers)
    assert 3 == len(engine.requests)


def test_other_generation_kwargs_make_another_request() -> None:
    short = questions("a", task_name="short", generation_kwargs={"max_new_tokens": 1})
    long = questions("a", task_name="long", generation_kwargs={"max_new_tokens": 2})
    assert 2 == len(run([short, long])[1].requests)


def test_the_second_run_sends_nothing_and_does_not_start_the_engine() -> None:
    cache = ResponseCache.in_memory()
    first, _, _ = run([questions("a", "b")], cache=cache)
    second, engine, stream = run([questions("a", "b")], cache=cache)
    assert texts(first) == texts(second)
    assert (0, 0, 2) == (len(engine.requests), engine.started, stream.counters.cache_hits)


def test_a_half_full_cache_leaves_the_other_half_to_run() -> None:
    cache = ResponseCache.in_memory()
    run([questions("a", "c")], cache=cache)
    answers, engine, _ = run([questions("a", "b", "c", "d")], cache=cache)
    assert ["echo a", "echo b", "echo c", "echo d"] == texts(answers)
    assert ["b", "d"] == sorted(request.prompt.plain_text() for request in engine.requests)


@pytest.mark.parametrize("window", [1, 4, 5])
def test_the_windows_end_does_not_tear_the_choices_of_a_question_apart(window: int) -> None:
    batches: list[list[str]] = []

    class Noting(ReplayEngine):
        def submit(self, requests: Sequence[EngineRequest]) -> None:
            batches.append([request.prompt.plain_text() for request in requests])
            super().submit(requests)

    task = questions("a", "b", "c", choices=("x", "y", "z"))
    cache = ResponseCache.in_memory()
    plan = make_plan(compile_requests(task, range(3), PromptOptions()), cache, "m", seed=0)
    loader = RequestLoader(plan, {task.name: task})
    assert 9 == len(list(Stream(plan, loader, Noting(echo), cache, fingerprint="m", seed=0, window=window)))
    assert 3 == sum(len(set(batch)) for batch in batches)


def test_no_more_than_the_window_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    in_flight, most = 0, 0

    class Counting(ReplayEngine):
        def submit(self, requests: Sequence[EngineRequest]) -> None:
            nonlocal in_flight, most
            in_flight += len(requests)
            most = max(most, in_flight)
            super().submit(requests)

        def poll(self, timeout: float) -> list:  # type: ignore[type-arg]  # as the base class has it
            nonlocal in_flight
            completions = super().poll(timeout)
            in_flight -= len(completions)
            return completions

    def run(task: ListTask, window: int) -> None:
        cache = ResponseCache.in_memory()
        plan = make_plan(compile_requests(task, range(50), PromptOptions()), cache, "m", seed=0)
        loader, engine = RequestLoader(plan, {"list": task}), Counting(echo)
        assert 50 == len(list(Stream(plan, loader, engine, cache, fingerprint="m", seed=0, window=window)))

    run(questions(*(str(number) for number in range(50))), window=7)
    assert 7 == most
    # So do the media that the requests carry, 192 bytes each.
    monkeypatch.setattr("fasteval.scheduling.stream._CARRIED", 192 * 10)
    monkeypatch.setattr("fasteval.scheduling.stream._MEDIA_ROWS", 4)
    pictures = [{"question": str(n), "image": Image.new("RGB", (8, 8), (n, 0, 0))} for n in range(50)]
    most = 0
    run(ListTask(pictures, visuals=True), window=50)
    assert 12 == most


def test_an_answer_is_in_the_cache_before_anybody_sees_it() -> None:
    task, cache = questions("a", "b", "c"), ResponseCache.in_memory()
    plan = make_plan(compile_requests(task, range(3), PromptOptions()), cache, "m", seed=0)
    stream = Stream(plan, RequestLoader(plan, {"list": task}), ReplayEngine(echo), cache, fingerprint="m", seed=0)
    for answer in stream:
        assert answer.response == cache.get(plan.keys[answer.row].tobytes())


def test_a_bad_request_costs_its_own_row_and_is_not_cached() -> None:
    def answer(request: EngineRequest) -> Response:
        if request.prompt.plain_text() == "bad":
            raise RequestError("too long")
        return echo(request)

    cache = ResponseCache.in_memory()
    answers, _, stream = run([questions("a", "bad", "c")], answer=answer, cache=cache)
    assert ["echo a", None, "echo c"] == texts(answers)
    assert (1, "too long") == (stream.counters.errors, answers[1].error)
    assert 2 == len(cache)


def test_media_that_cannot_be_had_cost_their_own_row() -> None:
    image = Image.new("RGB", (2, 2))
    task = ListTask([{"question": "a", "image": image}, {"question": "b", "image": image}], visuals=True)
    task.media = lambda doc: [doc["image"]] if doc["question"] == "a" else [7]  # type: ignore[method-assign]  # a fault
    answers, _, _ = run([task])
    assert ["echo a", None] == texts(answers)
    assert "int" in (answers[1].error or "")


def test_sampled_repeats_have_seeds_of_their_own_that_a_second_run_repeats() -> None:
    task = questions("a", repeats=3, generation_kwargs={"temperature": 1.0})
    first, engine, _ = run([task])
    assert 3 == len({request.seed for request in engine.requests})
    assert texts(first) == texts(run([task])[0])
    assert texts(first) != texts(run([task], seed=1)[0])


def test_choices_share_their_prompt_and_keep_their_order() -> None:
    answers, engine, _ = run([questions("q", choices=("x", "y", "z"))])
    assert ["x", "y", "z"] == [request.continuation for request in engine.requests]
    assert [echo(request).logprob for request in engine.requests] == [
        answer.response.logprob for answer in answers if answer.response
    ]


def test_long_outputs_run_first_and_equal_media_side_by_side() -> None:
    pictures = [Image.new("RGB", (1, 1), color) for color in ("red", "blue")]
    docs = [{"question": str(number), "image": pictures[number % 2]} for number in range(6)]
    short = ListTask(docs, visuals=True, task_name="short", generation_kwargs={"max_new_tokens": 1})
    long = ListTask(docs, visuals=True, task_name="long", generation_kwargs={"max_new_tokens": 99})
    _, engine, _ = run([short, long])
    order = [(request.generation_kwargs["max_new_tokens"], request.media[0].content_id) for request in engine.requests]
    assert [99] * 6 + [1] * 6 == [limit for limit, _ in order]
    assert 4 == 1 + sum(before != after for before, after in itertools.pairwise(order))


def test_options_nobody_can_honour_are_refused_before_anything_runs_and_name_the_task() -> None:
    with pytest.raises(TaskError, match=r"fancy.*num_beams"):
        run([questions("a", task_name="fancy", generation_kwargs={"num_beams": 5})])


def test_a_follow_up_is_answered_in_the_same_stream_and_from_the_cache_the_next_time() -> None:
    task, cache = questions("a", "b", rounds=2), ResponseCache.in_memory()
    for expected_sent in (4, 0):
        plan = make_plan(compile_requests(task, range(2), PromptOptions()), cache, "m", seed=0)
        engine = ReplayEngine(echo)
        stream = Stream(plan, RequestLoader(plan, {"list": task}), engine, cache, fingerprint="m", seed=0)
        final: dict[int, str] = {}
        for answer in stream:
            assert answer.response is not None
            text = answer.response.texts[0]
            if "|" not in text:
                prompt = task.next_round(task.docs[answer.row], 1, [text], None, PromptOptions()).prompt
                assert prompt is not None
                stream.add(FollowUp(answer.row, 1, prompt))
            else:
                final[answer.row] = text
        assert {0: "echo a | echo a", 1: "echo b | echo b"} == final
        assert expected_sent == len(engine.requests)


def test_a_follow_up_whose_image_is_not_there_costs_its_dialog_and_not_the_run() -> None:
    task, cache = questions("a", "b", rounds=2), ResponseCache.in_memory()
    plan = make_plan(compile_requests(task, range(2), PromptOptions()), cache, "m", seed=0)
    stream = Stream(plan, RequestLoader(plan, {"list": task}), ReplayEngine(echo), cache, fingerprint="m", seed=0)
    reasons: dict[int, str] = {}
    for answer in stream:
        if answer.response is None:
            reasons[answer.row] = answer.error or ""
        else:
            prompt = Prompt(text="next")
            stream.add(FollowUp(answer.row, 1, prompt, [LazyImage("no such file.png")]))
    assert {0, 1} == reasons.keys()
    assert all("no such file.png" in reason for reason in reasons.values())


def test_whole_dialogs_of_two_documents_are_never_joined() -> None:
    task = questions("same", "same", rounds=2)
    table = compile_requests(task, range(2), PromptOptions())
    cache = ResponseCache.in_memory()
    assert 1 == make_plan(table, cache, "m", seed=0).unique
    assert 2 == make_plan(table, cache, "m", seed=0, whole_dialogs=True).unique


def test_keys_differ_by_model_and_by_kind() -> None:
    generate, score = questions("a"), questions("a", choices=("a",))
    tables = [compile_requests(task, range(1), PromptOptions()) for task in (generate, score)]
    cache = ResponseCache.in_memory()
    keys = {make_plan(table, cache, model, seed=0).keys.tobytes() for table in tables for model in ("m", "n")}
    assert 4 == len(keys)
    assert [Kind.GENERATE_UNTIL, Kind.LOGLIKELIHOOD] == [Kind(int(table.kind[0])) for table in tables]
    assert np.uint8 == make_plan(tables[0], cache, "m", seed=0).keys.dtype
