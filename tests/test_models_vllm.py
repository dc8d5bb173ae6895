"""The real vLLM against transformers: same texts, same log-probabilities."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.errors import UnsupportedError, UsageError
from fasteval.media import FrameChoice, LazyVideo, Media, to_media
from fasteval.models.checkpoint.chat_template import ChatTemplate
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.engine import HostEngine
from tests.checkpoints import copy_demo, make_llama
from tests.media_files import video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.engine

TOLERANCE_PER_TOKEN = 1e-4
LONGEST = 4096  # tokens that the demo model takes
QUESTIONS = (
    "what shape is in the image?",
    "what color is the shape?",
    "is there a red shape?",
    "does the image contain a circle?",
    "is there not a blue shape in the image?",
)
ANSWERS = ("yes", "no", "red", "circle", "a long answer that nobody gives")


def open_engine(backend: str, checkpoint: Path, **options: Any) -> HostEngine:
    template = ChatTemplate.of_checkpoint(checkpoint)

    def render(prompt: Prompt) -> str:
        if prompt.text is not None:
            return prompt.text
        assert template is not None
        return template.render(prompt)

    engine = HostEngine(EngineConfig(backend, checkpoint, dtype="float32", **options), render=render)
    engine.start()
    return engine


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_demo(tmp_path_factory.mktemp("demo") / "checkpoint")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("llama") / "checkpoint")


@pytest.fixture(scope="module")
def vllm(demo: Path) -> Iterator[HostEngine]:
    engine = open_engine("vllm", demo, arguments={"max_num_seqs": 8})
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def hf(demo: Path) -> Iterator[HostEngine]:
    engine = open_engine("hf", demo)
    yield engine
    engine.close()


def drawing(number: int) -> Media:
    image = Image.new("RGB", (64, 64), (240, 240, 240))
    colour = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))[number % 4]
    box = (10 + number, 10, 40 + number, 45)
    pen = ImageDraw.Draw(image)
    if number % 2:
        pen.rectangle(box, fill=colour)
    else:
        pen.ellipse(box, fill=colour)
    return to_media(image)


def chat(text: str, *, pictures: int = 1) -> Prompt:
    parts = [{"type": "media", "index": index} for index in range(pictures)]
    return Prompt(messages=[{"role": "user", "content": [*parts, {"type": "text", "text": text}]}])


def generation(
    row: int, text: str, media: tuple[Media, ...] = (), seed: int | None = None, **kwargs: Any
) -> EngineRequest:
    prompt = chat(text, pictures=len(media))
    return EngineRequest(row, Kind.GENERATE_UNTIL, prompt, None, media, {"max_new_tokens": 8} | kwargs, seed)


def answer(engine: HostEngine, requests: Sequence[EngineRequest], seconds: float = 300) -> dict[int, Completion]:
    engine.submit(requests)
    completions: dict[int, Completion] = {}
    deadline = time.monotonic() + seconds
    while len(completions) < len(requests):
        assert time.monotonic() < deadline
        completions |= {completion.row: completion for completion in engine.poll(1.0)}
    return completions


def respond(engine: HostEngine, requests: Sequence[EngineRequest]) -> list[Response]:
    completions = answer(engine, requests)
    assert [None] * len(requests) == [completions[request.row].error for request in requests]
    return [response for request in requests if (response := completions[request.row].response) is not None]


def close_enough(expected: Response, got: Response) -> bool:
    assert expected.logprob is not None
    assert got.logprob is not None
    return abs(expected.logprob - got.logprob) <= TOLERANCE_PER_TOKEN * expected.output_tokens


def visual_questions() -> list[EngineRequest]:
    questions = [(text, number) for number in range(4) for text in QUESTIONS]
    return [generation(row, text, (drawing(number),)) for row, (text, number) in enumerate(questions)]


def test_greedy_answers_about_images_are_those_of_transformers(vllm: HostEngine, hf: HostEngine) -> None:
    requests = visual_questions()
    assert respond(hf, requests) == respond(vllm, requests)


def clip(row: int, count: int) -> tuple[EngineRequest, EngineRequest]:
    """A question about a video of which so many frames are shown, and the score of an answer to it."""
    media = (to_media(LazyVideo(video(40, size=(112, 112)), FrameChoice(count))),)
    parts = [{"type": "media", "index": 0, "kind": "video"}, {"type": "text", "text": "what color?"}]
    prompt = Prompt(messages=[{"role": "user", "content": parts}])
    asked = EngineRequest(row, Kind.GENERATE_UNTIL, prompt, None, media, {"max_new_tokens": 8})
    return asked, EngineRequest(row + 100, Kind.LOGLIKELIHOOD, prompt, "red", media)


def test_a_video_is_what_transformers_makes_of_the_same_frames(vllm: HostEngine, hf: HostEngine) -> None:
    # Of 112 pixels and up to eight frames. With more, transformers 5.19 leaves the frames out of account where the
    # text behind them has its place; vLLM counts them, as Qwen2-VL was made (docs/tasks.md).
    clips = [clip(row, count) for row, count in enumerate((1, 4, 7, 8))]
    questions, answers = [asked for asked, _ in clips], [scored for _, scored in clips]
    assert respond(hf, questions) == respond(vllm, questions)
    expected, got = respond(hf, answers), respond(vllm, answers)
    assert all(map(close_enough, expected, got))
    assert 4 == len({response.logprob for response in got})


def test_several_images_in_one_prompt(vllm: HostEngine, hf: HostEngine) -> None:
    requests = [generation(0, "what shapes?", (drawing(0), drawing(1), drawing(0)))]
    assert respond(hf, requests) == respond(vllm, requests)


def test_a_picture_is_seen_after_a_prompt_that_only_it_made_too_long(vllm: HostEngine, hf: HostEngine) -> None:
    pictures = [to_media(Image.new("RGB", (224, 224), (10 * number, 0, 0))) for number in range(12)]
    # One word is a token, and the picture some: there are texts that are too long with it and would not be without.
    texts = [" red" * words for words in range(LONGEST - 60, LONGEST, 5)]
    asked = answer(vllm, [generation(row, text, (pictures[row],)) for row, text in enumerate(texts)])
    refused = [row for row, completion in asked.items() if completion.error is not None]
    assert 0 < len(refused) < 12
    requests = [generation(row, "what shape?", (pictures[row],)) for row in refused]
    assert respond(hf, requests) == respond(vllm, requests)


def test_text_without_images_is_answered_by_a_model_that_takes_them(vllm: HostEngine, hf: HostEngine) -> None:
    requests = [generation(0, "is there a red shape?")]
    assert respond(hf, requests) == respond(vllm, requests)


def test_the_order_of_requests_changes_no_answer(vllm: HostEngine) -> None:
    requests = visual_questions()
    forward = respond(vllm, requests)
    vllm.reset_caches()
    assert forward == respond(vllm, requests[::-1])[::-1]


def test_log_likelihoods_are_those_of_transformers(vllm: HostEngine, hf: HostEngine) -> None:
    requests = [
        EngineRequest(row, Kind.LOGLIKELIHOOD, chat(QUESTIONS[row % 3]), text, (drawing(row),))
        for row, text in enumerate(ANSWERS)
    ]
    requests += [
        EngineRequest(10 + row, Kind.LOGLIKELIHOOD, Prompt(text="is there a red shape? "), text)
        for row, text in enumerate(ANSWERS)
    ]
    requests.append(EngineRequest(20, Kind.LOGLIKELIHOOD, Prompt(text=""), "yes"))
    expected, got = respond(hf, requests), respond(vllm, requests)
    assert all(map(close_enough, expected, got))
    for name in ("is_greedy", "prompt_tokens", "output_tokens"):
        assert [getattr(response, name) for response in expected] == [getattr(response, name) for response in got]


def test_what_greedy_decoding_says_is_greedy(vllm: HostEngine) -> None:
    (generated,) = respond(vllm, [generation(0, QUESTIONS[0], (drawing(0),))])
    request = EngineRequest(0, Kind.LOGLIKELIHOOD, chat(QUESTIONS[0]), generated.texts[0], (drawing(0),))
    (scored,) = respond(vllm, [request])
    assert scored.is_greedy


def test_an_answer_ends_before_a_stop_string(vllm: HostEngine, hf: HostEngine) -> None:
    (whole,) = respond(vllm, [generation(0, QUESTIONS[0], (drawing(0),))])
    middle = whole.texts[0][1:3]
    requests = [generation(0, QUESTIONS[0], (drawing(0),), until=[middle])]
    (ours,), (reference,) = respond(vllm, requests), respond(hf, requests)
    assert whole.texts[0].partition(middle)[0] == ours.texts[0]
    assert (reference.texts, "stop") == (ours.texts, ours.finish_reason)


def test_an_answer_has_no_more_tokens_than_asked_for(vllm: HostEngine, hf: HostEngine) -> None:
    requests = [generation(0, QUESTIONS[0], (drawing(0),), max_new_tokens=1)]
    (ours,), (reference,) = respond(vllm, requests), respond(hf, requests)
    assert (1, "length") == (ours.output_tokens, ours.finish_reason)
    assert reference == ours


def test_the_default_limit_is_lowered_to_what_fits(vllm: HostEngine) -> None:
    request = EngineRequest(0, Kind.GENERATE_UNTIL, Prompt(text="is " * 4000), None, (), {})
    (response,) = respond(vllm, [request])
    assert response.prompt_tokens + response.output_tokens <= 4096


def uncertain(row: int, seed: int, **sampling: Any) -> EngineRequest:
    """A text without a chat's form, to which a model that is else very sure of itself has no single continuation."""
    kwargs = {"temperature": 2.0, "do_sample": True, "max_new_tokens": 20, **sampling}
    return EngineRequest(row, Kind.GENERATE_UNTIL, Prompt(text="what"), generation_kwargs=kwargs, seed=seed)


def test_sampling_is_repeatable_by_its_seed_alone(vllm: HostEngine) -> None:
    alone = respond(vllm, [uncertain(0, seed=5)])
    crowd = respond(vllm, [uncertain(row, seed=row) for row in range(8)])
    assert alone[0] == crowd[5]
    assert 1 < len({response.texts for response in crowd})


def test_several_samples_of_one_request(vllm: HostEngine) -> None:
    (response,) = respond(vllm, [uncertain(0, seed=1, n=8)])
    assert 8 == len(response.texts)
    assert 1 < len(set(response.texts))


def test_bad_requests_cost_only_themselves(vllm: HostEngine) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    truncated = Media("image", buffer.getvalue()[:60], "c" * 32)
    requests = [
        generation(0, QUESTIONS[0], (drawing(0),)),
        EngineRequest(1, Kind.GENERATE_UNTIL, Prompt(text="")),
        EngineRequest(2, Kind.GENERATE_UNTIL, Prompt(text="a long text " * 4000)),
        generation(3, QUESTIONS[0], (truncated,)),
        EngineRequest(4, Kind.GENERATE_UNTIL, Prompt(text="no place for a picture"), None, (drawing(1),)),
        EngineRequest(5, Kind.LOGLIKELIHOOD, Prompt(text="a"), ""),
        generation(6, QUESTIONS[1], (drawing(0),)),
    ]
    errors = {row: completion.error or "" for row, completion in answer(vllm, requests).items()}
    assert ["", ""] == [errors[0], errors[6]]
    assert "the prompt is empty" == errors[1]
    assert "tokens is longer than the model's limit of 4095" in errors[2]
    assert "unreadable image" in errors[3]
    assert "processor refuses" in errors[4]
    assert "nothing to score" in errors[5]


def test_counters_tell_what_was_done(vllm: HostEngine) -> None:
    before = vllm.counters()
    respond(vllm, [generation(row, QUESTIONS[0], (drawing(17),)) for row in range(5)])
    after = vllm.counters()
    grown = {name: after[name] - before[name] for name in after}
    assert (5, 1, 1) == (grown["requests"], grown["images_decoded"], grown["images_processed"])
    assert 0 < grown["engine_steps"]
    assert 0 < grown["output_tokens"]


def test_a_cancelled_request_leaves_the_engine_free(vllm: HostEngine) -> None:
    vllm.submit([generation(row, "tell me", max_new_tokens=3000, min_tokens=3000) for row in range(4)])
    vllm.cancel(range(4))
    answers = answer(vllm, [generation(9, QUESTIONS[0], (drawing(0),))])
    assert {9} == set(answers)


def test_an_option_that_vllm_would_bend_is_an_error_and_the_engine_starts_anew_afterwards(vllm: HostEngine) -> None:
    with pytest.raises(UnsupportedError, match=r"temperature=0.001 is not supported by vLLM"):
        answer(vllm, [generation(0, "tell me", temperature=0.001)])
    assert not vllm.is_ready
    vllm.start()
    assert [] == vllm.poll(0)


def test_plain_text_on_a_text_model_has_one_bos_and_rolls_over_long_texts(llama: Path) -> None:
    text = "what shape is in the image? " * 60
    requests = [
        EngineRequest(0, Kind.LOGLIKELIHOOD, Prompt(text="is there a red"), " shape"),
        EngineRequest(1, Kind.LOGLIKELIHOOD, Prompt(text="<|endoftext|>is there a red"), " shape"),
        EngineRequest(2, Kind.LOGLIKELIHOOD, Prompt(text=""), "is there"),
        EngineRequest(3, Kind.LOGLIKELIHOOD_ROLLING, Prompt(text=text)),
        EngineRequest(4, Kind.LOGLIKELIHOOD_ROLLING, Prompt(text="short")),
        EngineRequest(5, Kind.GENERATE_UNTIL, Prompt(text="is there"), None, (), {"max_new_tokens": 6}),
    ]
    hopeless = [
        EngineRequest(7, Kind.LOGLIKELIHOOD, Prompt(text="is there"), ""),
        EngineRequest(8, Kind.LOGLIKELIHOOD, Prompt(text="is there"), " a shape" * 400),
    ]
    answers, errors = [], []
    for backend in ("hf", "vllm"):
        engine = open_engine(backend, llama)
        answers.append(respond(engine, requests))
        errors.append([completion.error for _, completion in sorted(answer(engine, hopeless).items())])
        picture = EngineRequest(6, Kind.GENERATE_UNTIL, Prompt(text="picture"), None, (drawing(0),))
        refused = answer(engine, [picture])[6].error
        assert refused is not None
        assert "takes no image" in refused
        engine.close()
    expected, got = answers
    assert all(map(close_enough, expected[:5], got[:5]))
    assert expected[5] == got[5]
    assert got[0].logprob == got[1].logprob
    assert errors[0] == errors[1]
    assert all(
        reason in (error or "") for reason, error in zip(("nothing to score", "limit of 255"), errors[0], strict=True)
    )


def test_an_argument_that_vllm_does_not_have_is_one_line_with_the_nearest_name(llama: Path) -> None:
    engine = open_engine("vllm", llama, arguments={"max_num_seq": 4})
    with pytest.raises(UsageError) as caught:
        answer(engine, [EngineRequest(0, Kind.GENERATE_UNTIL, Prompt(text="x"))])
    engine.close()
    assert str(caught.value).startswith("unknown model argument 'max_num_seq': did you mean 'max_num_seqs'?")
