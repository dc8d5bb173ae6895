"""`RemoteSettings`: which servers are asked for which model, and how insistently."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from fasteval.errors import EngineError, UnknownNameError, UsageError, check_names, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RemoteSettings", "authorization", "remote_settings"]

_HOME = "https://api.openai.com/v1"
# lm-eval's base URLs name the endpoint, ours end where the version does.
_ENDPOINTS = ("/chat/completions", "/completions")
# Arguments that are settings as they stand; the later one of two names wins.
_OPTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "revision": ("revision", str),
    "timeout": ("timeout", float),
    "num_concurrent": ("concurrency", int),
    "max_concurrency": ("concurrency", int),
    "max_retries": ("max_retries", int),
}
_ARGUMENTS = ("model", "pretrained", "base_url", "api_key", "dialect", *_OPTIONS)
_PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """What `--model openai` is told.

    Attributes:
        model: the name under which the servers have the model.
        base_urls: the servers, each up to and with `/v1`; all have the same model.
        dialect: a name in `protocol.DIALECTS`.
        revision: what the user says identifies the weights; None where nobody knows what a name stands for tomorrow.
        api_key: sent to the servers, shown to nobody.
        timeout: seconds that an answer may take.
        concurrency: how many requests a server has under way, at most.
        max_retries: how often a request is asked again before it becomes an error row.
        context_length: tokens that prompt and answer may have together, where the server tells.
    """

    model: str
    base_urls: tuple[str, ...]
    dialect: str = "openai"
    revision: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 600.0
    concurrency: int = 128
    max_retries: int = 6
    context_length: int | None = None

    def __post_init__(self) -> None:
        """Refuses what no server could be asked with."""
        from fasteval.models.remote.protocol import DIALECTS

        if self.dialect not in DIALECTS:
            raise UnknownNameError("dialect", self.dialect, DIALECTS)
        for url in self.base_urls:
            if not url.startswith(("http://", "https://")):
                raise UsageError(f"base_url={url} is no URL: it begins with http:// or https://")
        if self.timeout <= 0 or self.concurrency < 1 or self.max_retries < 0:
            raise UsageError("timeout and max_concurrency are more than 0, and max_retries is not less")

    def identity(self) -> dict[str, Any]:
        """Returns the model's name, the revision that the user declares, and how it is spoken to; not where it is."""
        return {"backend": "openai", "model": self.model, "revision": self.revision, "dialect": self.dialect}

    def fingerprint(self) -> str:
        """Returns what identifies the model for the cache."""
        return f"remote-{xxhash.xxh3_128_hexdigest(orjson.dumps(self.identity(), option=orjson.OPT_SORT_KEYS))}"


def remote_settings(arguments: Mapping[str, Any]) -> RemoteSettings:
    """Returns the settings for the arguments of `--model openai`.

    The first server is asked for its models where the model or the dialect is not given.

    Raises:
        UnknownNameError: an argument that does not exist.
        UsageError: a value that means nothing, or a server with several models and none named.
        EngineError: the server cannot be reached.
    """
    check_names("model argument", arguments, _ARGUMENTS, "see docs/models.md")
    urls = _base_urls(arguments.get("base_url"))
    model = arguments.get("model") or arguments.get("pretrained")
    dialect = str(arguments.get("dialect", "auto"))
    api_key = arguments.get("api_key") or os.environ.get("OPENAI_API_KEY")
    length = None
    if model is None or dialect == "auto":
        served = _served(urls[0], api_key)
        entry = _pick(served, model, urls[0])
        model, length = entry["id"], entry.get("max_model_len")
        dialect = {"vllm": "vllm", "sglang": "sglang"}.get(str(entry.get("owned_by")), "openai")
    given = {
        field: convert(arguments[name])
        for name, (field, convert) in _OPTIONS.items()
        if arguments.get(name) is not None
    }
    key = None if api_key is None else str(api_key)
    return RemoteSettings(str(model), urls, dialect, api_key=key, context_length=length, **given)


def authorization(api_key: Any) -> dict[str, str]:
    """Returns the header that shows a server the key, if there is one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _base_urls(value: Any) -> tuple[str, ...]:
    """Returns the URLs of a list, or of a text that has `|` between them."""
    value = value or os.environ.get("OPENAI_BASE_URL") or _HOME
    urls = value.split("|") if isinstance(value, str) else [str(url) for url in value]
    urls = [url.strip().rstrip("/") for url in urls if url.strip()]
    for ending in _ENDPOINTS:
        urls = [url.removesuffix(ending) for url in urls]
    return tuple(urls)


def _served(base_url: str, api_key: Any) -> list[dict[str, Any]]:
    """Returns what a server says of its models."""
    import httpx

    try:
        reply = httpx.get(f"{base_url}/models", headers=authorization(api_key), timeout=_PROBE_SECONDS)
        reply.raise_for_status()
        return [entry for entry in reply.json()["data"] if isinstance(entry, dict) and "id" in entry]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineError(f"{base_url}/models cannot be read: {first_line(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{base_url}/models is not what an OpenAI-compatible server replies") from error


def _pick(served: list[dict[str, Any]], model: Any, base_url: str) -> dict[str, Any]:
    names = [str(entry["id"]) for entry in served]
    if model is None and len(served) != 1:
        raise UsageError(
            f"{base_url} has {len(served)} models ({', '.join(names[:8])}): pass --model_args model=<name>"
        )
    if model is not None and str(model) not in names:
        raise UnknownNameError("model", str(model), names, f"at {base_url}")
    return served[0] if model is None else served[names.index(str(model))]
