"""Writes down every flag of lmms-eval's and lm-eval's runs, read from their argument parsers.

`python -m benchmarks.peer_flags` asks pip for both wheels (without their dependencies: nothing of them is imported)
and writes `tests/data/peers/flags.json`, which a test holds against `fasteval run`.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, Peer

FLAGS = Path(__file__).parent.parent / "tests" / "data" / "peers" / "flags.json"


def main() -> None:
    """Writes the file."""
    flags = {f"{peer.name} {peer.version}": read_flags(peer) for peer in PEERS}
    FLAGS.parent.mkdir(parents=True, exist_ok=True)
    FLAGS.write_text(json.dumps(flags, indent=1) + "\n", "utf-8")
    for name, entries in flags.items():
        print(f"{name}: {len(entries)} flags")


def read_flags(peer: Peer) -> list[dict[str, Any]]:
    """Returns for each argument its spellings, what it takes ("nothing", "one", "optional", "several"), its choices."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, peer.requirement]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        source = zipfile.ZipFile(wheel).read(peer.flags_file).decode()
    scope = next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == peer.flags_scope
    )
    return [_describe(node) for node in ast.walk(scope) if _adds_argument(node)]  # type: ignore[arg-type]  # a call


def _adds_argument(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"


def _describe(call: ast.Call) -> dict[str, Any]:
    attributes = {keyword.arg: keyword.value for keyword in call.keywords}
    values = {name: value.value for name, value in attributes.items() if isinstance(value, ast.Constant)}
    takes = "one"
    if str(values.get("action", "")).startswith("store_"):
        takes = "nothing"
    elif values.get("nargs") in ("?", "+"):
        takes = "optional" if values["nargs"] == "?" else "several"
    choices = attributes.get("choices")
    return {
        "flags": [word.value for word in call.args if isinstance(word, ast.Constant)],
        "takes": takes,
        "choices": ast.literal_eval(choices) if choices is not None else [],
    }


if __name__ == "__main__":
    main()
