"""A real Chromium for tests of pages: found where it may be, or installed beside the interpreter (`python -m`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

__all__ = ["HOW_TO_GET_ONE", "launch_options"]

HOW_TO_GET_ONE = (
    "there is no Chromium: run `python -m tests.chromium` (Playwright's own, else npm's @sparticuz/chromium), install "
    "one with the system's package manager (`apt install chromium`), or name one in FASTEVAL_CHROMIUM"
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OWN = Path(sys.prefix) / "chromium"
# Runs in Node 20.11 and newer, and brings the libraries that a bare container lacks.
_NPM_PACKAGE = "@sparticuz/chromium@143.0.4"
_UNPACK = """
const fs = require("node:fs"), zlib = require("node:zlib");
for (const [from, to] of [["chromium.br", "chromium"], ["al2023.tar.br", "libraries.tar"]])
  fs.writeFileSync(to, zlib.brotliDecompressSync(fs.readFileSync(`node_modules/@sparticuz/chromium/bin/${from}`)));
fs.chmodSync("chromium", 0o755);
"""


def launch_options() -> dict[str, Any] | None:
    """Returns what Playwright's `chromium.launch` needs to start one; None where there is none."""
    # The pages are our own, and containers give no user namespaces to a sandbox.
    options: dict[str, Any] = {"args": ["--no-sandbox"]}
    named = os.environ.get("FASTEVAL_CHROMIUM")
    installed = named or next((path for path in map(shutil.which, _NAMES) if path), None) or _playwrights_own()
    if installed:
        return options | {"executable_path": installed}
    if (_OWN / "chromium").is_file():
        libraries = os.pathsep.join([str(_OWN / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(os.pathsep)
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
        return options | {"executable_path": str(_OWN / "chromium"), "env": environment}
    return None


def _playwrights_own() -> str | None:
    """Returns the browser that `playwright install` put where Playwright looks for it."""
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next(
        (str(path) for pattern in ("chrome", "*headless*shell") for path in root.glob(f"chromium*/*/{pattern}")), None
    )


def install() -> str:
    """Installs a Chromium unless there is one; returns what became of it."""
    if launch_options() is not None:
        return "there is a Chromium already"
    playwright = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    if subprocess.run(playwright, check=False, timeout=900).returncode == 0 and launch_options() is not None:
        return "installed Playwright's own Chromium"
    if shutil.which("npm") is None or shutil.which("node") is None:
        return HOW_TO_GET_ONE
    _OWN.mkdir(exist_ok=True)
    npm = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(_OWN), _NPM_PACKAGE]
    if subprocess.run(npm, check=False, timeout=900).returncode != 0:
        return HOW_TO_GET_ONE
    subprocess.run(["node", "-e", _UNPACK], cwd=_OWN, check=True)
    with tarfile.open(_OWN / "libraries.tar") as archive:
        archive.extractall(_OWN, filter="data")
    return f"installed npm's {_NPM_PACKAGE}"


if __name__ == "__main__":
    # Tests of pages are skipped without one, with a reason: a machine that cannot have one runs all others.
    print(install())
