"""Whether the Hub answers: asked once, briefly, before a library begins to retry for half a minute."""

from __future__ import annotations

import functools
import logging
from typing import Any

__all__ = ["go_offline_if_unreachable", "token_for"]

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
