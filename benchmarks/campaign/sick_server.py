"""A server that answers 429, 500, garbage or never: now and then to a third of the requests, and always to two."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import orjson

from benchmarks.campaign.lab import Finding
from benchmarks.campaign.poison_request import DOCUMENTS, write_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.campaign.lab import Lab

__all__ = ["NAME", "run"]

NAME = "sick server"
_TIMEOUT = 3.0
#: Documents whose requests are never answered properly: one gets 500 each time, one nothing.
_GUILTY = {50, 61}
_KINDS = ("429", "500", "garbage", "never")


class _Server(BaseHTTPRequestHandler):
    """Answers with the question's number; what `is_sick` says of it happens first."""

    protocol_version = "HTTP/1.1"
    is_sick: ClassVar[bool] = False
    seen: ClassVar[Counter[int]] = Counter()

    def do_POST(self) -> None:
        """Answers a chat request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match = re.search(rb"number (\d+)\?", body)
        number = int(match[1]) if match else -1
        self.seen[number] += 1
        is_first = self.seen[number] == 1 and number % 3 == 0
        kind = _KINDS[number % len(_KINDS)] if self.is_sick and (is_first or number in _GUILTY) else "well"
        if number in _GUILTY and kind != "well":
            kind = "500" if number == min(_GUILTY) else "never"
        message = {"message": {"role": "assistant", "content": f"answer {number}"}, "finish_reason": "stop"}
        reply = orjson.dumps({"choices": [message], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
        if kind == "never":
            time.sleep(2 * _TIMEOUT)
            self.close_connection = True
            return
        content = {"well": reply, "garbage": b"<html>no JSON"}.get(kind, b'{"error": {"message": "not now"}}')
        self.send_response({"429": 429, "500": 500}.get(kind, 200))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


class _SickServer(_Server):
    is_sick: ClassVar[bool] = True
    seen: ClassVar[Counter[int]] = Counter()


def run(lab: Lab) -> Finding:
    """Runs a task on a sick server, and again, for what has no answer yet, on a sound one."""
    folder = write_task(lab.folder / "task-server")
    with _serving(_Server) as sound, _serving(_SickServer) as sick:
        shapes = lab.with_workload("server", ["--include_path", str(folder), "--tasks", "shapes"], DOCUMENTS)
        shapes.model = ("--model", "openai", "--model_args", f"{sound},model=m,dialect=openai,revision=1")
        expected = shapes.reference
        outcome = shapes.run("sick", "--model_args", f"{sick},timeout={_TIMEOUT}")
        again = shapes.run("again", cache=outcome.cache)
    errors = outcome.errors("shapes")
    return Finding(
        fault="a server that at first answers a third of the requests with 429, 500, garbage or never, and two of "
        f"{DOCUMENTS} always",
        lost=len(errors - _GUILTY) + abs(again.sent - len(_GUILTY)) + (expected.unique != DOCUMENTS),
        wrong=shapes.wrong(outcome, except_errors=True) + shapes.wrong(again) + len(_GUILTY - errors)
        + (outcome.exit_code != 3) + (again.exit_code != 0),
        costs=f"{len(errors)} error rows, exit code 3; requests asked again: {outcome.counters['remote_retries']:.0f}; "
        "the same command on a sound server asks these two alone",
        message=outcome.message(", document"),
    )  # fmt: skip


@contextmanager
def _serving(handler: type[_Server]) -> Iterator[str]:
    """Serves on a free port; yields the model argument that names it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"base_url=http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
