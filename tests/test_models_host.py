from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind
from fasteval.errors import CheckpointError, EngineError, RequestError, UnknownNameError, UsageError
from fasteval.models.backoff import Backoff
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.engine import HostEngine
from fasteval.models.host.environment import host_environment
from fasteval.models.supervised import SupervisedEngine
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Build = Callable[..., HostEngine]


def render(prompt: Prompt) -> str:
    if prompt.text is None:
        raise RequestError("no chat template")
    return prompt.text


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return make_llama(tmp_path / "llama")


@pytest.fixture
def build(llama: Path) -> Iterator[Build]:
    engines = []

    def build(arguments: dict[str, object] | None = None, **options: Any) -> HostEngine:
        config = EngineConfig("hf", llama, arguments=arguments or {})
        engines.append(HostEngine(config, render=render, **options))
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def wait_for_error(engine: HostEngine, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        engine.poll(1.0)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def question(row: int, text: str | None = "hello") -> EngineRequest:
    prompt = Prompt(text=text) if text is not None else Prompt(messages=[])
    return EngineRequest(row, Kind.GENERATE_UNTIL, prompt)


def test_a_killed_host_is_an_engine_error_that_names_the_signal(build: Build) -> None:
    engine = build()
    engine.start()
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="killed by SIGKILL"):
        wait_for_error(engine)


def test_the_error_of_a_dead_host_is_raised_again_until_it_is_started_anew(build: Build) -> None:
    engine = build()
    engine.start()
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(EngineError):
            wait_for_error(engine)
    with pytest.raises(EngineError):
        engine.submit([question(0)])
    engine.start()
    assert engine.pid not in (None, first)
    assert [] == engine.poll(0)


def test_a_host_that_gives_no_sign_of_life_is_an_engine_error_and_is_killed(build: Build) -> None:
    engine = build(heartbeat_timeout=1.5)
    engine.start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="no heartbeat"):
        wait_for_error(engine)
    assert not is_alive(pid)


def test_a_host_that_reads_nothing_is_an_engine_error_although_the_wire_is_full(build: Build) -> None:
    engine = build(heartbeat_timeout=1.5)
    engine.start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    engine.submit([question(0, "long " * 2_000_000)])
    with pytest.raises(EngineError, match="took no message"):
        wait_for_error(engine)
    assert not is_alive(pid)


def test_a_killed_host_is_replaced_and_its_requests_are_answered(build: Build) -> None:
    host = build()
    engine = SupervisedEngine(host, backoff=Backoff(first=0.1))
    engine.start()
    engine.submit([question(row) for row in range(4)])
    first = host.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    answers: list[Completion] = []
    deadline = time.monotonic() + 120
    while len(answers) < 4 and time.monotonic() < deadline:
        answers += engine.poll(1.0)
    assert [0, 1, 2, 3] == sorted(completion.row for completion in answers if completion.response is not None)
    assert host.pid not in (None, first)
    assert (1, 4) == (engine.counters()["engine_restarts"], engine.counters()["requests_resent"])


def test_a_model_that_is_never_loaded_is_an_engine_error(build: Build) -> None:
    engine = build(start_timeout=0.1)
    engine.start()
    with pytest.raises(EngineError, match="not loaded within"):
        wait_for_error(engine)


def test_start_and_poll_do_not_wait_for_the_model(build: Build) -> None:
    engine = build()
    engine.start()
    assert [] == engine.poll(0)
    assert not engine.is_ready


def test_close_ends_the_host_and_may_be_called_twice(build: Build) -> None:
    engine = build()
    engine.start()
    pid = engine.pid
    assert pid is not None
    engine.close()
    engine.close()
    assert not is_alive(pid)


def test_an_interrupt_from_the_terminal_does_not_reach_the_host(build: Build) -> None:
    engine = build()
    engine.start()
    assert engine.pid is not None
    assert os.getsid(engine.pid) != os.getsid(0)


def test_the_host_ends_when_the_front_is_killed(llama: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from fasteval.models.engine_config import EngineConfig\n"
        "from fasteval.models.host.engine import HostEngine\n"
        "engine = HostEngine(EngineConfig('hf', Path(sys.argv[1])), render=str)\n"
        "engine.start()\n"
        "print(engine.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(llama)], stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout is not None
        pid = int(front.stdout.readline())
        assert is_alive(pid)
        front.kill()
    deadline = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(pid)


def test_the_front_imports_neither_torch_nor_transformers_nor_vllm() -> None:
    program = (
        "import sys, fasteval.models.host.engine\n"
        "import fasteval.models.checkpoint.find, fasteval.models.checkpoint.fingerprint\n"
        "print(sorted({'torch', 'transformers', 'vllm', 'datasets'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == result.stdout.strip()


def test_an_unknown_argument_is_one_line_with_the_nearest_name(build: Build) -> None:
    engine = build({"attn_implementatoin": "eager"})
    engine.start()
    with pytest.raises(UsageError) as caught:
        wait_for_error(engine)
    line = "unknown model argument 'attn_implementatoin': did you mean 'attn_implementation'? (of the hf engine)"
    assert line == str(caught.value)


def test_a_broken_checkpoint_is_a_checkpoint_error(llama: Path, build: Build) -> None:
    (llama / "model.safetensors").write_bytes(b"these are no weights")
    engine = build()
    engine.start()
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        wait_for_error(engine)


def test_a_prompt_that_cannot_be_rendered_is_an_error_of_its_row(build: Build) -> None:
    engine = build()
    engine.start()
    engine.submit([question(7, None), question(8, "half a pair: \ud800")])
    errors = {completion.row: completion.error or "" for completion in engine.poll(0)}
    assert "no chat template" == errors[7]
    assert "not valid Unicode" in errors[8]


def test_an_engine_that_was_not_started_says_so(build: Build) -> None:
    with pytest.raises(EngineError, match="not been started"):
        build().poll(0)


def test_the_hosts_environment_leaves_what_the_user_has_set() -> None:
    environment = host_environment({"HF_HUB_OFFLINE": "0", "HOME": "/home"})
    assert "0" == environment["HF_HUB_OFFLINE"]
    assert "/home" == environment["HOME"]
    assert "1" == environment["VLLM_NO_USAGE_STATS"]


def test_an_unknown_engine_is_refused_before_anything_starts(llama: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vllm'"):
        EngineConfig("vlm", llama)


def test_a_configuration_survives_the_wire(llama: Path) -> None:
    config = EngineConfig("vllm", llama, {"max_num_seqs": 4}, "float32", 3, 128, "template")
    assert config == EngineConfig.from_dict(config.to_dict())
