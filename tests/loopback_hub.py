"""A server on loopback that answers in the Hub's manner: for tests of what is pushed to it, and fetched from it."""

from __future__ import annotations

import hashlib
import json
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


class LoopbackHub(ABC):
    """Listens at `url` (`HF_ENDPOINT`) until it is closed; the subclass has what there is to answer."""

    def __init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
                status, content = hub.answer(self.command, self.path, body, token)
                encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                if status == 404:
                    self.send_header("x-error-code", "EntryNotFound")
                self.send_header("etag", f'"{hashlib.sha256(encoded).hexdigest()}"')
                self.send_header("x-repo-commit", COMMIT)
                self.send_header("content-length", str(len(encoded)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(encoded)

            do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815 - http.server's names

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @abstractmethod
    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any]:
        """Returns status and content of the reply, bytes or what JSON can say."""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
