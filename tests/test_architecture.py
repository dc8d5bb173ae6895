"""The rooms and their arrows, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fasteval"
#: From top to bottom: a room may import those after it. Rooms in one tuple do not import each other.
ORDER = (
    ("cli",),
    ("gate", "sweep"),
    ("doctor",),
    ("evaluation", "comparison"),
    ("results",),
    ("tasks",),
    ("compat",),
    ("judging",),
    ("scheduling",),
    ("requests",),
    ("distributed",),
    ("models",),
    ("scoring",),
    ("cache",),
    ("filters", "metrics"),
    ("media",),
    ("safety",),
    ("api",),
    ("errors",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Returns the rooms that a file imports when it is loaded or when a function runs; not those for types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {module.split(".")[1] for module in modules if module.startswith("fasteval.")}


FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_library" not in path.parts and room_of(path) in LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path: Path) -> None:
    own = room_of(path)
    upward = {room for room in imports(path) - {own} if LEVEL.get(room, 0) <= LEVEL[own]}
    assert set() == upward


@pytest.mark.parametrize("room", [room for room in LEVEL if room != "errors"])
def test_every_room_says_its_job(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8")))
    assert docstring


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_at_a_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_importing_fasteval_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "vllm", "datasets", "numpy", "PIL", "ray"}
    assert set() == heavy & loaded_after("import fasteval; dir(fasteval)")


def test_every_public_name_can_be_imported() -> None:
    import fasteval

    assert sorted(fasteval.__all__) == dir(fasteval)
    assert all(getattr(fasteval, name) is not None for name in fasteval.__all__)
