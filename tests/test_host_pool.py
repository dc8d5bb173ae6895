"""Which engine host may serve the next engine, and what it must not hear of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from fasteval.api.request import Completion, Response
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.pool import HostPool
from fasteval.models.host.wire import Frame, decode_completions, encode_completions
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fasteval.models.host.process import Host


@dataclass
class StubHost:
    """A host that was told to load a checkpoint, and says what it is made to say."""

    config: EngineConfig
    pid: int | None = None
    is_stuck: bool = False
    has_ended: bool = False
    is_stopped: bool = False
    heard: list[Frame] = field(default_factory=list)
    says: list[Frame] = field(default_factory=list)

    def send(self, frame: Frame) -> None:
        self.heard.append(frame)

    def receive(self, timeout: float) -> Frame | None:
        return self.says.pop(0) if self.says else None

    def last_words(self) -> list[str]:
        return ["nothing"]

    def describe_end(self) -> str:
        return "ended"

    def stop(self) -> None:
        self.is_stopped = True

    def kill(self) -> None:
        self.has_ended = True


class Place:
    """A pool with one place, and the hosts that were started there."""

    def __init__(self) -> None:
        self.pool, self.hosts = HostPool(), list[StubHost]()

    def launch(self, config: EngineConfig, *, send_timeout: float) -> StubHost:
        self.hosts.append(StubHost(config))
        return self.hosts[-1]

    def start(self, config: EngineConfig, place: int = 0) -> Host:
        return self.pool.launch(place, self.launch)(config, send_timeout=1.0)


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig("hf", make_llama(tmp_path / "one", seed=1))


def answer(row: int) -> Frame:
    return encode_completions([Completion(row, Response(("text",)))], {})


def test_other_weights_are_loaded_by_the_same_host(place: Place, config: EngineConfig, tmp_path: Path) -> None:
    place.start(config).stop()
    other = replace(config, checkpoint=make_llama(tmp_path / "other", seed=2))
    place.start(other)
    (host,) = place.hosts
    (frame,) = host.heard
    assert ("configure", False) == (frame.type, frame.fields["keeps_engine"])
    assert other == EngineConfig.from_dict(frame.fields["config"])


def test_equal_weights_are_kept_wherever_they_lie(place: Place, config: EngineConfig, tmp_path: Path) -> None:
    place.start(config).stop()
    place.start(replace(config, checkpoint=make_llama(tmp_path / "copy", seed=1))).stop()
    place.start(config)
    (host,) = place.hosts
    assert [True, True] == [frame.fields["keeps_engine"] for frame in host.heard]


def change_tokenizer(config: EngineConfig) -> EngineConfig:
    (config.checkpoint / "tokenizer_config.json").write_text("{}")
    return config


@pytest.mark.parametrize(
    "change",
    [
        change_tokenizer,
        lambda config: replace(config, dtype="float32"),
        lambda config: replace(config, seed=1),
        lambda config: replace(config, arguments={"device": "cpu"}),
        lambda config: replace(config, rendering="another template"),
    ],
    ids=["tokenizer", "dtype", "seed", "arguments", "template"],
)
def test_where_anything_but_the_weights_differs_another_host_is_started(
    place: Place, config: EngineConfig, change: Callable[[EngineConfig], EngineConfig]
) -> None:
    place.start(config).stop()
    place.start(change(config))
    assert [True, False] == [host.is_stopped for host in place.hosts]


@pytest.mark.parametrize("fault", ["has_ended", "is_stuck"])
def test_a_host_that_is_gone_is_not_taken_over(place: Place, config: EngineConfig, fault: str) -> None:
    place.start(config).stop()
    setattr(place.hosts[0], fault, True)
    place.start(config)
    assert 2 == len(place.hosts)


def test_a_host_is_for_its_place_and_for_one_engine_at_a_time(place: Place, config: EngineConfig) -> None:
    place.start(config, place=0).stop()
    place.start(config, place=1)
    place.start(config, place=0)
    place.start(config, place=0)
    assert 3 == len(place.hosts)


def test_answers_that_nobody_waits_for_any_more_are_dropped(place: Place, config: EngineConfig) -> None:
    place.start(config).stop()
    place.hosts[0].says = [answer(7), Frame("heartbeat", {"stalled": 0.0}), answer(8), Frame("ready"), answer(9)]
    host = place.start(config)
    frames = [host.receive(0) for _ in range(5)]
    assert [None, "heartbeat", None, "ready", "completions"] == [frame and frame.type for frame in frames]
    assert frames[4] is not None
    assert [9] == [completion.row for completion in decode_completions(frames[4])]


def test_a_pool_that_is_closed_stops_what_it_keeps(place: Place, config: EngineConfig) -> None:
    place.start(config, place=0).stop()
    in_use = place.start(config, place=1)
    place.pool.close()
    assert [True, False] == [host.is_stopped for host in place.hosts]
    assert "ended" == in_use.describe_end()
