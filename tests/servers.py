"""Servers on loopback for tests: one that says what a test tells it to, and vLLM's own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent


class ScriptedServer:
    """Speaks OpenAI's protocol over real sockets; `answer(path, body)` gives status and reply.

    Attributes:
        asked: the (path, body) pairs that came, in order.
        most_at_once: how many were under way at a time.
    """

    def __init__(self, answer: Callable[[str, dict[str, Any]], tuple[int, Any]], models: list[dict[str, Any]]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(200, {"data": models})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                path = self.path.removeprefix("/v1/")
                with outer._lock:
                    outer.asked.append((path, body))
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                try:
                    self.reply(*answer(path, body))
                finally:
                    with outer._lock:
                        outer._at_once -= 1

            def reply(self, status: int, value: Any) -> None:
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                with contextlib.suppress(OSError):  # whoever asked may be gone
                    self.send_response(status)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def chat_reply(*texts: str, reason: str = "stop") -> dict[str, Any]:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        for index, text in enumerate(texts)
    ]
    return {"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


@contextlib.contextmanager
def vllm_server(checkpoint: Path, *arguments: str, log: Path) -> Iterator[str]:
    """Runs vLLM's OpenAI-compatible server on a free port of loopback; gives its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint)]
    command += ["--served-model-name", "demo", "--host", "127.0.0.1", "--port", str(port), *arguments]
    site = ROOT / "benchmarks" / "programs" / "site"  # vLLM's own processes need torchvision to load, too
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "TORCH_COMPILE_DISABLE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM's server ended: {log.read_text(errors='replace')[-2000:]}")
