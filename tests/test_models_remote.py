"""`--model openai` against a real server on loopback that says what the test tells it to."""

from __future__ import annotations

import base64
import io
import itertools
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.errors import EngineError, UnknownNameError, UnsupportedError, UsageError
from fasteval.evaluation import RunSettings
from fasteval.evaluation.run import evaluate
from fasteval.media import LazyImage, Media, to_media
from fasteval.models.backoff import Backoff
from fasteval.models.remote import engine as remote_module
from fasteval.models.remote.engine import RemoteEngine
from fasteval.models.remote.settings import RemoteSettings, remote_settings
from tests.servers import ScriptedServer, chat_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VLLM = [{"id": "demo", "owned_by": "vllm", "max_model_len": 4096}]
PLAIN = [{"id": "demo", "owned_by": "somebody"}]


@contextmanager
def serving(
    answer: Callable[[str, dict[str, Any]], tuple[int, Any]], models: list[dict[str, Any]] = VLLM
) -> Iterator[ScriptedServer]:
    server = ScriptedServer(answer, models)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def engine_for(*servers: ScriptedServer, **options: Any) -> Iterator[RemoteEngine]:
    settings = RemoteSettings("demo", tuple(server.url for server in servers), **{"dialect": "vllm", **options})
    engine = RemoteEngine(settings)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "Backoff", lambda: Backoff(first=0.01, longest=0.05))


def chat(text: str, *, pictures: int = 0) -> Prompt:
    parts: list[dict[str, Any]] = [{"type": "media", "index": index} for index in range(pictures)]
    return Prompt(messages=[{"role": "user", "content": [*parts, {"type": "text", "text": text}]}])


def generation(row: int, text: str = "hello", *media: Media, seed: int | None = None, **kwargs: Any) -> EngineRequest:
    return EngineRequest(row, Kind.GENERATE_UNTIL, chat(text, pictures=len(media)), None, media, kwargs, seed)


def collect(engine: RemoteEngine, requests: list[EngineRequest]) -> dict[int, Completion]:
    engine.submit(requests)
    completions: dict[int, Completion] = {}
    deadline = time.monotonic() + 60
    while len(completions) < len(requests):
        assert time.monotonic() < deadline
        completions |= {completion.row: completion for completion in engine.poll(1.0)}
    return completions


def texts(completions: dict[int, Completion]) -> list[tuple[str, ...]]:
    return [completions[row].response.texts for row in sorted(completions)]  # type: ignore[union-attr]


def echo(_path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return 200, chat_reply(f"you said {body['messages'][-1]['content']}")


def test_each_request_gets_its_own_answer() -> None:
    with serving(echo) as server, engine_for(server) as engine:
        answers = collect(engine, [generation(row, f"text {row}") for row in range(40)])
    assert [(f"you said text {row}",) for row in range(40)] == texts(answers)


def test_the_options_of_the_task_are_what_the_server_is_asked_for() -> None:
    with serving(echo) as server, engine_for(server) as engine:
        kwargs = {"max_new_tokens": 9, "until": ["\n"], "do_sample": True, "temperature": 0.5, "top_k": 4}
        collect(engine, [generation(0, "hello", seed=11, **kwargs)])
    (path, body), *_ = server.asked
    expected = {"model": "demo", "max_tokens": 9, "stop": ["\n"], "temperature": 0.5, "top_k": 4, "seed": 11}
    assert ("chat/completions", expected) == (path, {name: body[name] for name in body if name != "messages"})


def test_a_limit_that_the_task_does_not_set_is_left_to_a_server_with_little_room() -> None:
    with serving(echo) as server, engine_for(server, context_length=4096) as small, engine_for(server) as unknown:
        collect(small, [generation(0)])
        collect(unknown, [generation(1)])
    assert [None, 4096] == [body["max_tokens"] for _, body in server.asked]


def test_plain_prompts_go_to_the_completions_endpoint() -> None:
    def complete(_path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"choices": [{"index": 0, "text": body["prompt"][::-1], "finish_reason": "length"}]}

    with serving(complete) as server, engine_for(server) as engine:
        request = EngineRequest(0, Kind.GENERATE_UNTIL, Prompt(text="abc"), generation_kwargs={"max_new_tokens": 3})
        answers = collect(engine, [request])
    assert "completions" == server.asked[0][0]
    assert Completion(0, Response(("cba",), finish_reason="length")) == answers[0]


def encoded(form: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (5, 3), "red" if mode == "RGB" else None).save(buffer, form)
    return buffer.getvalue()


def sent_picture(server: ScriptedServer, place: int = 0) -> tuple[str, bytes, str]:
    part = server.asked[-1][1]["messages"][0]["content"][place]
    kind, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
    return kind, base64.b64decode(data), part["uuid"]


def test_a_picture_travels_as_the_file_that_it_is() -> None:
    file = encoded("JPEG")
    medium = to_media(LazyImage(file).convert("RGB"))
    with serving(lambda *_: (200, chat_reply("a"))) as server, engine_for(server) as engine:
        collect(engine, [generation(0, "what?", medium)])
    assert ("image/jpeg", file, medium.content_id) == sent_picture(server)


@pytest.mark.parametrize(("form", "mode"), [("BMP", "RGB"), ("PNG", "RGBA"), ("GIF", "P")])
def test_a_picture_that_servers_may_see_differently_travels_as_pixels(form: str, mode: str) -> None:
    with serving(lambda *_: (200, chat_reply("a"))) as server, engine_for(server) as engine:
        collect(engine, [generation(0, "what?", to_media(LazyImage(encoded(form, mode))))])
    kind, data, _ = sent_picture(server)
    assert ("image/png", "RGB", (5, 3)) == (kind, Image.open(io.BytesIO(data)).mode, Image.open(io.BytesIO(data)).size)


def test_an_unreadable_picture_costs_its_request() -> None:
    with serving(lambda *_: (200, chat_reply("a"))) as server, engine_for(server) as engine:
        answers = collect(engine, [generation(0, "what?", Media("image", b"nothing", "0" * 32)), generation(1)])
    assert "unreadable image" in (answers[0].error or "")
    assert answers[1].error is None


@pytest.mark.parametrize(
    "fault", [(429, {"error": {"message": "slow down"}}), (500, b"oops"), (200, b"no json"), (200, {"a": 1})]
)
def test_what_may_pass_is_asked_again(fault: tuple[int, Any]) -> None:
    turns = itertools.count()
    lock = threading.Lock()

    def sometimes(_path: str, body: dict[str, Any]) -> tuple[int, Any]:
        with lock:
            return fault if next(turns) % 3 == 0 else echo(_path, body)

    with serving(sometimes) as server, engine_for(server) as engine:
        answers = collect(engine, [generation(row, f"{row}") for row in range(12)])
        assert engine.counters()["remote_retries"] >= 4
    assert [(f"you said {row}",) for row in range(12)] == texts(answers)


def test_a_request_that_the_server_always_fails_at_becomes_an_error_row() -> None:
    def poisoned(_path: str, body: dict[str, Any]) -> tuple[int, Any]:
        is_poison = body["messages"][-1]["content"] == "poison"
        return (500, {"error": {"message": "boom"}}) if is_poison else echo(_path, body)

    with serving(poisoned) as server, engine_for(server, max_retries=2) as engine:
        requests = [generation(0, "poison"), *(generation(row) for row in range(1, 30))]
        answers = collect(engine, requests)
    assert "boom" in (answers[0].error or "")
    assert [None] * 29 == [answers[row].error for row in range(1, 30)]


def test_a_refused_request_is_not_asked_again() -> None:
    with serving(lambda *_: (400, {"error": {"message": "too long"}})) as server, engine_for(server) as engine:
        answers = collect(engine, [generation(0)])
    assert "too long" in (answers[0].error or "")
    assert 1 == len(server.asked)


def test_a_key_that_is_not_accepted_ends_the_run() -> None:
    with serving(lambda *_: (401, {"error": {"message": "who?"}})) as server, engine_for(server) as engine:
        engine.submit([generation(0)])
        with pytest.raises(EngineError, match="key is not accepted"):
            engine.poll(30.0)


def test_a_server_that_is_gone_gives_error_rows_and_no_wait_for_ever() -> None:
    with serving(echo) as server:
        gone = server.url
    settings = RemoteSettings("demo", (gone,), dialect="vllm", max_retries=3)
    engine = RemoteEngine(settings)
    engine.start()
    answers = collect(engine, [generation(row) for row in range(50)])
    late = collect(engine, [generation(50)])
    engine.close()
    errors = [answer.error or "" for answer in {**answers, **late}.values()]
    assert [True] * 51 == ["no server answers" in error or "given up" in error for error in errors]


def test_a_server_that_never_answers_is_given_up() -> None:
    stop = threading.Event()
    with serving(lambda *_: (stop.wait(20), (200, chat_reply("late")))[1]) as server:
        with engine_for(server, timeout=0.2, max_retries=1) as engine:
            answers = collect(engine, [generation(0)])
        stop.set()
    assert answers[0].error is not None


def test_two_servers_share_the_work_and_one_may_die() -> None:
    def slowly(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.005)
        return echo(path, body)

    with serving(slowly) as one, serving(lambda *_: (503, b"starting")) as other, engine_for(one, other) as engine:
        answers = collect(engine, [generation(row, f"{row}") for row in range(100)])
    assert [(f"you said {row}",) for row in range(100)] == texts(answers)
    with serving(slowly) as one, serving(slowly) as other, engine_for(one, other) as engine:
        collect(engine, [generation(row) for row in range(100)])
    assert min(len(one.asked), len(other.asked)) > 10


def test_more_is_asked_at_a_time_while_the_server_copes_and_never_more_than_allowed() -> None:
    def slowly(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.05)
        return echo(path, body)

    with serving(slowly) as server, engine_for(server, concurrency=12) as engine:
        collect(engine, [generation(row) for row in range(200)])
    assert 8 < server.most_at_once <= 12


def score(continuation: str) -> EngineRequest:
    return EngineRequest(0, Kind.LOGLIKELIHOOD, Prompt(text="ab "), continuation)


def spell(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """A server whose tokens are letters, each with a log-probability of minus its code."""
    assert path == "completions"
    tokens = [ord(letter) for letter in body["prompt"]]
    choice: dict[str, Any] = {"index": 0, "text": "", "finish_reason": "length", "prompt_token_ids": tokens}
    if "prompt_logprobs" in body:
        rows = [{str(token): {"logprob": -float(token), "rank": 1 + (token == ord("z"))}} for token in tokens]
        choice["prompt_logprobs"] = [None, *rows[1:]]
    return 200, {"choices": [choice]}


def test_a_continuation_is_scored_by_the_tokens_that_follow_its_context() -> None:
    with serving(spell) as server, engine_for(server) as engine:
        answers = collect(engine, [score("c")])
        unlikely = collect(engine, [score("z")])
    # White space at the context's end is the continuation's.
    assert Response((), -float(ord(" ") + ord("c")), True, 2, 2) == answers[0].response
    assert unlikely[0].response is not None
    assert not unlikely[0].response.is_greedy


def test_choices_ask_for_the_tokens_of_their_context_once() -> None:
    with serving(spell) as server, engine_for(server) as engine:
        requests = [
            EngineRequest(row, Kind.LOGLIKELIHOOD, Prompt(text="ab"), letter) for row, letter in enumerate("cdef")
        ]
        collect(engine, requests)
    assert 1 == sum("prompt_logprobs" not in body for _, body in server.asked)
    assert 4 == sum("prompt_logprobs" in body for _, body in server.asked)


def test_the_server_says_what_it_serves() -> None:
    with serving(echo) as server:
        settings = remote_settings({"base_url": f"{server.url}/chat/completions"})
        assert ("demo", "vllm", 4096) == (settings.model, settings.dialect, settings.context_length)
        with pytest.raises(UnknownNameError, match="did you mean 'demo'"):
            remote_settings({"base_url": server.url, "model": "demi"})
    with serving(echo, [*PLAIN, {"id": "other"}]) as server:
        assert "openai" == remote_settings({"base_url": server.url, "model": "demo"}).dialect
        with pytest.raises(UsageError, match="2 models"):
            remote_settings({"base_url": server.url})


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(EngineError, match=r"http://127\.0\.0\.1:9/v1/models cannot be read"):
        remote_settings({"base_url": "http://127.0.0.1:9/v1"})


def test_the_key_is_shown_to_nobody() -> None:
    assert "hidden" not in repr(RemoteSettings("demo", ("http://a/v1",), api_key="hidden"))


def test_a_model_without_a_revision_serves_no_later_run_and_its_servers_do_not_matter() -> None:
    def engine(**options: Any) -> RemoteEngine:
        return RemoteEngine(RemoteSettings("demo", **{"base_urls": ("http://a/v1",), **options}))

    assert not engine().capabilities().is_cacheable
    assert engine(revision="1").capabilities().is_cacheable
    assert engine(revision="1").fingerprint() == engine(revision="1", base_urls=("http://b/v1",)).fingerprint()
    assert engine(revision="1").fingerprint() != engine(revision="2").fingerprint()


def test_what_the_protocol_cannot_do_is_refused_before_anything_is_asked(tmp_path: Any) -> None:
    (tmp_path / "t.jsonl").write_text('{"q": "a"}\n')
    (tmp_path / "t.yaml").write_text(
        "task: t\ndataset_path: json\ndataset_kwargs: {data_files: {test: t.jsonl}}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{q}}'\n"
        "generation_kwargs: {max_new_tokens: 3, do_sample: true, temperature: 1.0, top_k: 5}\n"
        "metric_list: [{metric: exact_match}]\n"
    )
    with serving(echo, PLAIN) as server:
        settings = RunSettings(
            model="openai", model_args={"base_url": server.url}, tasks=("t",), include_path=(tmp_path,), no_cache=True
        )
        with pytest.raises(UnsupportedError, match=r"t: .*top_k=5"):
            evaluate(settings)
        assert [] == server.asked
