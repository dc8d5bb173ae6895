from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fasteval.api.request import Completion, Kind, Response
from fasteval.errors import RequestError
from fasteval.media import Media, to_media
from fasteval.models.engine import HOST
from fasteval.models.host.media_decoder import MediaDecoder, MediaInHand, to_rgb
from fasteval.models.host.wire import Frame, HostRequest, decode_completions, encode_requests
from fasteval.models.host.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


class StubBackend:
    """Answers with the request's text, one request a step, and refuses the text "bad"."""

    def __init__(self, capacity: int = 4) -> None:
        self.capacity = capacity
        self.held: list[HostRequest] = []
        self.most_held = 0
        self.resets = 0
        self.groups: list[list[int]] = []
        self.colours: list[object] = []
        self.steps = 0

    @property
    def unfinished(self) -> int:
        return len(self.held)

    def add(self, requests: Sequence[HostRequest], images: Sequence[Image.Image]) -> list[Completion]:
        if requests[0].kind == Kind.LOGLIKELIHOOD:
            self.groups.append([request.row for request in requests])
        if any(request.text == "bad" for request in requests):
            raise RequestError("no")
        self.colours += [image.getpixel((0, 0)) for image in images] * len(requests)
        self.held += requests
        self.most_held = max(self.most_held, len(self.held))
        return []

    def step(self) -> list[Completion]:
        self.steps += 1
        if not self.held:
            return []
        request = self.held.pop(0)
        return [Completion(request.row, Response((request.text,)))]

    def cancel(self, rows: Collection[int]) -> None:
        self.held = [request for request in self.held if request.row not in rows]

    def counters(self) -> dict[str, float]:
        return {"engine_steps": float(self.steps)}

    def reset_caches(self) -> None:
        assert not self.held
        self.resets += 1

    def close(self) -> None:
        pass


class StubLink:
    """Gives a worker its messages, one batch a turn, and `shutdown` when it would wait for more."""

    def __init__(self, *batches: Sequence[Frame]) -> None:
        self.batches = [list(batch) for batch in batches]
        self.sent: list[Frame] = []
        self.batch: list[Frame] = []

    def take(self, *, wait: bool) -> Iterator[Frame]:
        self.batch = self.batches.pop(0) if self.batches else [Frame("shutdown")] if wait else []
        while self.batch:
            yield self.batch.pop(0)

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def turn(self) -> None:
        pass

    def completions(self) -> dict[int, Completion]:
        return {completion.row: completion for frame in self.sent for completion in decode_completions(frame)}


@pytest.fixture
def decoder() -> Iterator[MediaDecoder]:
    decoder = MediaDecoder(threads=2)
    yield decoder
    decoder.close()


def ask(*texts: str, media: tuple[Media, ...] = ()) -> Frame:
    return encode_requests([HostRequest(row, Kind.GENERATE_UNTIL, text, media=media) for row, text in enumerate(texts)])


def work(
    backend: StubBackend, decoder: MediaDecoder, *batches: Sequence[Frame], joins_choices: bool = True
) -> StubLink:
    link = StubLink(*batches)
    Worker(backend, link, decoder, joins_choices=joins_choices).run()  # type: ignore[arg-type]  # the stub has what the worker uses
    return link


def picture(colour: tuple[int, int, int]) -> Media:
    return to_media(Image.new("RGB", (4, 4), colour))


def test_every_request_is_answered(decoder: MediaDecoder) -> None:
    texts = [f"text {row}" for row in range(20)]
    answers = work(StubBackend(), decoder, [ask(*texts)]).completions()
    assert texts == [answers[row].response.texts[0] for row in range(20)]  # type: ignore[union-attr]


def test_the_backend_never_holds_more_than_it_has_room_for(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=3)
    work(backend, decoder, [ask(*"abcdefgh")])
    assert 3 == backend.most_held


def test_a_refused_request_costs_only_itself(decoder: MediaDecoder) -> None:
    answers = work(StubBackend(), decoder, [ask("a", "bad", "b")]).completions()
    assert [None, "no", None] == [answers[row].error for row in range(3)]


def choice(row: int, text: str, *media: Media) -> HostRequest:
    return HostRequest(row, Kind.LOGLIKELIHOOD, text, continuation=f"choice {row}", media=media)


def test_waiting_choices_of_a_prompt_are_handed_over_together_wherever_they_stand(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=8)
    requests = [choice(0, "a"), choice(1, "a"), choice(2, "b"), choice(3, "a"), choice(4, "b")]
    answers = work(backend, decoder, [encode_requests(requests)]).completions()
    assert [[0, 1, 3], [2, 4]] == backend.groups
    assert set(range(5)) == set(answers)


def test_the_same_prompt_with_another_picture_is_another_context(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=8)
    red, blue = picture((255, 0, 0)), picture((0, 0, 255))
    work(backend, decoder, [encode_requests([choice(0, "a", red), choice(1, "a", blue), choice(2, "a", red)])])
    assert [[0, 2], [1]] == backend.groups


def test_choices_that_arrive_later_are_not_waited_for(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=8)
    work(backend, decoder, [encode_requests([choice(0, "a")])], [encode_requests([choice(1, "a")])])
    assert [[0], [1]] == backend.groups


def test_choices_are_not_joined_where_answers_must_not_depend_on_who_waits(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=8)
    work(backend, decoder, [encode_requests([choice(0, "a"), choice(1, "a")])], joins_choices=False)
    assert [[0], [1]] == backend.groups


def test_no_group_is_larger_than_the_backend_has_room_for(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=3)
    work(backend, decoder, [encode_requests([choice(row, "a") for row in range(7)])])
    assert [3, 3, 1] == [len(group) for group in backend.groups]


def test_a_picture_that_breaks_fails_all_choices_about_it(decoder: MediaDecoder) -> None:
    broken = Media("image", b"not a picture", "b" * 32)
    requests = [choice(0, "a", broken), choice(1, "a", broken), choice(2, "b")]
    answers = work(StubBackend(), decoder, [encode_requests(requests)]).completions()
    assert [False, False, True] == [answers[row].error is None for row in range(3)]


def test_an_unreadable_picture_costs_only_the_requests_that_show_it(decoder: MediaDecoder) -> None:
    broken = Media("image", b"not a picture", "b" * 32)
    good = HostRequest(0, Kind.GENERATE_UNTIL, "good", media=(picture((1, 2, 3)),))
    bad = [HostRequest(row, Kind.GENERATE_UNTIL, "bad picture", media=(broken,)) for row in (1, 2)]
    answers = work(StubBackend(), decoder, [encode_requests([good, *bad])]).completions()
    assert [True, False, False] == [answers[row].error is None for row in range(3)]
    assert "unreadable image" in (answers[1].error or "")


def test_a_picture_that_many_requests_show_is_decoded_once(decoder: MediaDecoder) -> None:
    backend = StubBackend()
    work(backend, decoder, [ask(*"abcdefgh", media=(picture((1, 2, 3)),))])
    assert {"image": 1} == decoder.decoded
    assert [(1, 2, 3)] * 8 == backend.colours


def test_a_cancelled_request_is_not_answered(decoder: MediaDecoder) -> None:
    frames = [ask("a", "b", "c"), Frame("cancel", {"rows": [1]})]
    assert {0, 2} == set(work(StubBackend(), decoder, frames).completions())


def test_caches_are_reset_when_nothing_is_in_hand_and_nothing_is_lost(decoder: MediaDecoder) -> None:
    backend = StubBackend(capacity=2)
    frames = [[ask("a", "b", "c")], [Frame("reset_caches")]]
    assert {0, 1, 2} == set(work(backend, decoder, *frames).completions())
    assert 1 == backend.resets


def counted(link: StubLink) -> dict[str, float]:
    """Returns the counters of the last message, without seconds."""
    counters: dict[str, float] = link.sent[-1].fields["counters"]
    return {name: value for name, value in counters.items() if not name.startswith(HOST)}


def test_completions_carry_the_counters(decoder: MediaDecoder) -> None:
    link = work(StubBackend(), decoder, [ask("a", media=(picture((1, 2, 3)),))])
    assert {"engine_steps": 1.0, "images_decoded": 1.0} == counted(link)
    assert {"host rendering", "host model", "host decoding"} == link.sent[-1].fields["counters"].keys() - counted(link)


def test_the_counters_of_an_engine_that_is_kept_begin_anew(decoder: MediaDecoder) -> None:
    backend, question = StubBackend(), ask("a", media=(picture((1, 2, 3)),))
    work(backend, decoder, [question])
    link = work(backend, decoder, [question])
    assert {"engine_steps": 1.0, "images_decoded": 0.0} == counted(link)


@pytest.mark.parametrize("name", ["configure", "shutdown"])
def test_what_comes_after_the_end_is_left_for_the_next_worker(decoder: MediaDecoder, name: str) -> None:
    link = StubLink([ask("a"), Frame(name), ask("b")])
    assert name == Worker(StubBackend(), link, decoder).run().type  # type: ignore[arg-type]  # as in `work`
    assert ["requests"] == [frame.type for frame in link.batch]


def test_decoded_pictures_are_dropped_when_they_are_too_many() -> None:
    decoder = MediaDecoder(threads=1, bytes_kept=60)
    media = [picture((number, 0, 0)) for number in range(3)]
    for medium in media:
        decoder.decode([medium])
    decoder.decode([media[2]])
    assert {"image": 3} == decoder.decoded
    decoder.decode([media[0]])
    assert {"image": 4} == decoder.decoded
    decoder.close()


def test_pictures_are_decoded_ahead_without_waiting() -> None:
    decoder = MediaDecoder(threads=1)
    gate = threading.Event()
    decoder._pool.submit(gate.wait)
    medium = picture((1, 2, 3))
    decoder.prefetch([medium])
    assert not decoder.is_decoded([medium])
    gate.set()
    assert 1 == len(decoder.decode([medium]))
    decoder.close()


def test_transparency_becomes_white() -> None:
    assert (255, 255, 255) == to_rgb(Image.new("RGBA", (2, 2), (0, 0, 0, 0))).getpixel((0, 0))


def test_a_picture_taken_sideways_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (4, 2)).save(buffer, "JPEG", exif=exif)
    assert (2, 4) == to_rgb(Image.open(buffer)).size


def test_grey_and_palette_pictures_become_rgb() -> None:
    assert ["RGB", "RGB"] == [to_rgb(Image.new(mode, (2, 2))).mode for mode in ("L", "P")]


def test_pictures_are_begun_with_only_while_what_waits_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.models.host.media_decoder._BYTES_AHEAD", 60)
    decoder = MediaDecoder(threads=1)
    media = [picture((number, 0, 0)) for number in range(3)]
    decoder.prefetch(media)
    assert {"image": 2} == decoder.decoded
    decoder.decode(media[:1])
    decoder.prefetch(media)
    assert {"image": 3} == decoder.decoded
    decoder.close()


def test_media_in_hand_count_once_however_many_requests_show_them() -> None:
    medium, other = picture((1, 2, 3)), picture((3, 2, 1))
    images = [Image.new("RGB", (4, 4))]
    in_hand = MediaInHand(limit=96)
    for row in range(2):
        in_hand.add(HostRequest(row, Kind.GENERATE_UNTIL, "", media=(medium,)), images)
        assert in_hand.has_room
    in_hand.add(HostRequest(2, Kind.GENERATE_UNTIL, "", media=(other,)), images)
    assert not in_hand.has_room
    in_hand.remove([0, 2])
    in_hand.add(HostRequest(3, Kind.GENERATE_UNTIL, "", media=(medium,)), images)
    assert in_hand.has_room
