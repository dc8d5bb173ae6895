"""Finds a checkpoint: a local folder, or a name on the Hugging Face Hub, from this machine's cache if it is there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError, safe_open

from fasteval.errors import CheckpointError

__all__ = ["find_checkpoint", "read_json", "what_is_missing"]

_WORDS = ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py"]
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "tekken.json")
_WEIGHTS = ("*.safetensors", "*.gguf")
_PICKLES = ("*.bin", "*.pt", "*.pth")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_TIMEOUT_SECONDS = 5.0


def find_checkpoint(pretrained: str | Path, revision: str | None = None, *, weights: bool = True) -> Path:
    """Returns the folder of a checkpoint that is complete: configuration and all weights.

    Args:
        pretrained: a local folder, or a name on the Hub; a complete copy on this machine is taken as it is, without
            a look at the network.
        revision: branch, tag or commit on the Hub.
        weights: False where the tokenizer is all that is wanted: nothing else has to be there, or is downloaded.

    Raises:
        CheckpointError: it is nowhere, or not complete.
    """
    name = str(pretrained)
    try:
        folder = Path(name).expanduser()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, somebody else's home, a null character
        raise CheckpointError(f"the checkpoint folder {name[:200]} does not exist") from None
    if is_folder:
        missing = _lacks(folder, weights=weights)
        if missing:
            raise CheckpointError(f"the folder {folder} is no complete checkpoint: {missing}")
        return folder.resolve()
    if not _HUB_NAME.fullmatch(name) or name.startswith((".", "~")):
        raise CheckpointError(f"the checkpoint folder {name} does not exist")
    local = _from_cache(name, revision, weights=weights)
    return local if local is not None else _from_hub(name, revision, weights=weights)


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object in a file of a checkpoint.

    Raises:
        CheckpointError: the file is not there, or holds something else.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except orjson.JSONDecodeError as error:
        raise CheckpointError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a JSON object")
    return value


def what_is_missing(folder: Path) -> str | None:
    """Returns in words what a folder lacks of a checkpoint: a file, or a part of one; None if nothing."""
    if not (folder / "config.json").is_file():
        return "it has no config.json"
    for index in folder.glob("*.safetensors.index.json"):
        try:
            shards = set(orjson.loads(index.read_bytes())["weight_map"].values())
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            return f"{index.name} is damaged ({error})"
        absent = sorted(shard for shard in shards if not (folder / shard).is_file())
        if absent:
            return f"{absent[0]} is missing ({len(absent)} of {len(shards)} weight files)"
    if not any(path.is_file() for pattern in _WEIGHTS for path in folder.glob(pattern)):
        pickles = [path.name for pattern in _PICKLES for path in folder.glob(pattern)]
        if pickles:
            return f"its weights are pickles ({pickles[0]}), which can run any code: convert them to safetensors"
        return "it has no weights (*.safetensors)"
    short = sorted(path.name for path in folder.glob("*.safetensors") if _is_cut_short(path))
    return f"{short[0]} is damaged or not written to its end" if short else None


def _lacks(folder: Path, *, weights: bool) -> str | None:
    if weights:
        return what_is_missing(folder)
    return None if any((folder / name).is_file() for name in _TOKENIZERS) else f"it has no {_TOKENIZERS[0]}"


def _is_cut_short(path: Path) -> bool:
    """Whether a file of weights is not what its header says, such as shorter."""
    try:
        with safe_open(path, "numpy"):
            return False
    except (SafetensorError, OSError):
        return True


def _from_cache(name: str, revision: str | None, *, weights: bool) -> Path | None:
    """Returns the copy in the Hub's local cache, if there is a complete one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except HFValidationError:
        raise CheckpointError(f"'{name}' is neither a folder nor a name that the Hub allows") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        return None
    return None if _lacks(folder, weights=weights) else folder


def _from_hub(name: str, revision: str | None, *, weights: bool) -> Path:
    """Downloads a checkpoint.

    Raises:
        CheckpointError: offline, unknown, closed to this user, or not complete.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    nowhere = (
        f"checkpoint '{name}' is not on this machine and the Hub cannot be reached; pass pretrained=<local folder>"
    )
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise CheckpointError(f"{nowhere} (HF_HUB_OFFLINE is set)")
    try:
        # The commit, so that what is downloaded is what was asked about.
        info: Any = HfApi().model_info(name, revision=revision, timeout=_TIMEOUT_SECONDS)
        folder = Path(
            snapshot_download(
                name, revision=info.sha, allow_patterns=[*_WORDS, *(["*.safetensors"] if weights else [])]
            )
        )
    except GatedRepoError:
        raise CheckpointError(
            f"checkpoint '{name}' is gated: accept its terms on the Hub, and log in with `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise CheckpointError(f"checkpoint '{name}' has no revision '{revision}'") from None
    except RepositoryNotFoundError:
        raise CheckpointError(f"there is no checkpoint '{name}' on the Hub, or it is private") from None
    except Exception as error:  # the Hub's client passes on its HTTP library's errors, which changed between versions
        raise CheckpointError(nowhere) from error
    missing = _lacks(folder, weights=weights)
    if missing:
        raise CheckpointError(f"checkpoint '{name}' is not complete on the Hub: {missing}")
    return folder
