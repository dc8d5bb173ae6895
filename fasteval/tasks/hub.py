"""The Hub: whether it answers, and which task code wants files of it."""

from __future__ import annotations

import functools
import importlib
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Fetches", "go_offline_if_unreachable", "token_for", "without_fetching"]

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 10.0


@functools.cache
def go_offline_if_unreachable() -> None:
    """Puts `datasets` and `huggingface_hub` of this process into their offline mode if the Hub does not answer.

    In offline mode they take what their caches have, and say at once what is not there.
    """
    import datasets
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    if huggingface_hub.constants.HF_HUB_OFFLINE or datasets.config.HF_HUB_OFFLINE:
        return
    try:
        # Any answer will do, "there is no such data set" as well.
        huggingface_hub.HfApi().dataset_info("fasteval/any", timeout=_TIMEOUT_SECONDS)
    except HfHubHTTPError:
        return
    except Exception as error:  # noqa: BLE001 - the errors of the client's HTTP library, which changed between versions
        _log.warning("the Hub cannot be reached (%s): only local data are used", type(error).__name__)
        huggingface_hub.constants.HF_HUB_OFFLINE = True
        datasets.config.HF_HUB_OFFLINE = datasets.config.HF_DATASETS_OFFLINE = True


def token_for(wanted: Any) -> Any:
    """Returns the token for a task's `token`: true means the user's if there is one, as public data sets say it too."""
    import huggingface_hub

    return huggingface_hub.get_token() if wanted is True else wanted


class Fetches(BaseException):
    """Task code wants files of the Hub while it is loaded; the text says which."""


#: Functions of `huggingface_hub` that fetch, and whether what its cache has of their wish is all of it.
_FETCHING = {"hf_hub_download": True, "snapshot_download": False}
_forbidden = False


@contextmanager
def without_fetching() -> Iterator[None]:
    """Has task code that is executed within it raise `Fetches` where it would fetch files from the Hub.

    Code that took one of the functions in that time keeps it, and fetches with it afterwards.
    """
    global _forbidden  # noqa: PLW0603 - what task code was given has to know of it
    import huggingface_hub

    names = vars(huggingface_hub)  # it imports its functions when they are asked for: most are not there yet
    before = {name: names[name] for name in _FETCHING if name in names}
    outer, _forbidden = _forbidden, True
    names.update({name: functools.partial(_fetch, name) for name in _FETCHING})
    try:
        yield
    finally:
        _forbidden = outer
        for name in _FETCHING:
            del names[name]
        names.update(before)


def _fetch(name: str, *args: Any, **kwargs: Any) -> Any:
    home = {"hf_hub_download": "file_download", "snapshot_download": "_snapshot_download"}[name]
    function = getattr(importlib.import_module(f"huggingface_hub.{home}"), name)
    if not _forbidden:
        return function(*args, **kwargs)
    if _FETCHING[name]:
        try:
            return function(*args, **(kwargs | {"local_files_only": True}))
        except Exception:  # noqa: BLE001 - whatever it is, the file is not there
            _log.debug("%s: not in the cache of the Hub's files", kwargs)
    wanted = [*map(str, args), *(str(kwargs[key]) for key in ("repo_id", "filename") if key in kwargs)]
    raise Fetches(" ".join(wanted))
