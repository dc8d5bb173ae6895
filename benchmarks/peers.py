"""The harnesses that fasteval understands: which versions, and environments of their own to run them in."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PEERS", "Peer", "make_environment"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One release of another harness.

    Attributes:
        name: its distribution.
        version: the release that fasteval is held against.
        flags_file: the file of the wheel that has its argument parser.
        flags_scope: the class or function in it that adds the arguments of a run.
    """

    name: str
    version: str
    flags_file: str
    flags_scope: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}=={self.version}"


PEERS = (
    Peer("lmms-eval", "0.7.3", "lmms_eval/__main__.py", "parse_eval_args"),
    Peer("lm-eval", "0.4.13", "lm_eval/_cli/run.py", "Run"),
)


def make_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Makes a virtual environment with `requirements` in `folder`; returns its Python. One that is there is used."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True, stdout=sys.stderr)
    return python
