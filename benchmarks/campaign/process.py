"""`RunProcess`: a real `fasteval run` as a process group of its own, watched from outside; and its `Outcome`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.cache import ResponseCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Outcome", "RunProcess", "answers_in", "is_alive"]

_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Attributes:
        exit_code: of the process; negative if a signal ended it.
        cache: folder of its cache.
        results: the results file; empty if there is none.
        samples: by task and document.
        messages: the lines on standard error.
        submitted: requests that the engine was handed, each as often as it was.
    """

    exit_code: int
    cache: Path
    results: dict[str, Any]
    samples: dict[str, dict[int, dict[str, Any]]]
    messages: list[str]
    submitted: int

    @property
    def scores(self) -> Any:
        """The table's numbers."""
        return self.results.get("results")

    @property
    def unique(self) -> int:
        """Distinct requests of the run."""
        return int(self.results["throughput"]["unique_requests"])

    @property
    def sent(self) -> int:
        """Requests that had to be computed."""
        return int(self.results["throughput"]["sent"])

    @property
    def counters(self) -> dict[str, float]:
        """What the engine counted."""
        return dict(self.results["counters"])

    @property
    def written(self) -> int:
        """Answers in the cache now."""
        return answers_in(self.cache)

    def errors(self, task: str) -> set[int]:
        """Returns the documents of a task that have no score."""
        return {doc_id for doc_id, sample in self.samples.get(task, {}).items() if sample.get("error")}

    def message(self, part: str) -> str:
        """Returns the first line on standard error that has `part` in it, without fasteval's name."""
        return next((line.removeprefix("fasteval: ") for line in self.messages if part in line), "")


class RunProcess:
    """A run that goes on."""

    def __init__(self, folder: Path, cache: Path, flags: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it; results go to `folder`/out, unless a flag says otherwise."""
        self.folder, self.cache = folder, cache
        self._log, self._submitted = folder / "stderr.txt", folder / "submitted.txt"
        command = [sys.executable, "-m", "benchmarks.campaign.counted", str(self._submitted), "run"]
        command += ["--use_cache", str(cache), "--output_path", str(folder / "out"), *flags]
        with self._log.open("wb") as log, (folder / "stdout.txt").open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=_ROOT, stdout=out, stderr=log, start_new_session=True, env={**os.environ, **environment}
            )
        self.started = time.monotonic()

    @property
    def host(self) -> int | None:
        """The engine host's process id, while there is one."""
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
                for child in children.read_text().split():
                    if b"fasteval.models.host.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
        return None

    @property
    def lines(self) -> int:
        """Answers in the cache's segments, the last one perhaps not whole."""
        return sum(path.read_bytes().count(b'{"key":') for path in self.cache.glob("*.jsonl"))

    def has_said(self, text: str) -> bool:
        """Whether a line on standard error has `text` in it."""
        return text.encode() in self._log.read_bytes()

    def wait_until(self, condition: Callable[[], Any], *, seconds: float = 600.0, pause: float = 0.005) -> bool:
        """Waits until `condition` holds; returns whether it did before the run ended."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(pause)
        return bool(condition())

    def signal_host(self, number: int) -> int | None:
        """Sends a signal to the engine host; returns its process id, or None if there is no host."""
        host = self.host
        if host is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(host, number)
        return host

    def kill(self) -> None:
        """Ends the front's process group with SIGKILL; the host has to notice by itself.

        Raises:
            RuntimeError: the host did not end within half a minute.
        """
        host = self.host
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + 30
        while host is not None and is_alive(host):
            if time.monotonic() > deadline:
                os.kill(host, signal.SIGKILL)
                raise RuntimeError("the engine host outlived its front")
            time.sleep(0.05)

    def wait(self, timeout: float = 1200.0) -> Outcome:
        """Waits for the run's end and returns what it left behind."""
        self.process.wait(timeout)
        results = sorted(self.folder.glob("out/**/*_results.json"))
        samples = {}
        for path in self.folder.glob("out/**/*_samples_*.jsonl"):
            rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
            samples[path.stem.partition("_samples_")[2]] = {row["doc_id"]: row for row in rows}
        return Outcome(
            exit_code=self.process.returncode,
            cache=self.cache,
            results=orjson.loads(results[-1].read_bytes()) if results else {},
            samples=samples,
            messages=self._log.read_text("utf-8", "replace").splitlines(),
            submitted=sum(map(int, self._submitted.read_text().split())) if self._submitted.exists() else 0,
        )


def answers_in(cache: Path) -> int:
    """Returns how many answers a response cache has."""
    with ResponseCache.open(cache) as opened:
        return len(opened)


def is_alive(pid: int) -> bool:
    """Returns whether a process is there and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
