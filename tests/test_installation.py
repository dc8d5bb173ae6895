"""What a wheel holds, and that tasks are found from it as from a checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds a wheel from a copy of the tracked files, so that nothing untracked gets in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    present = "\0".join(name for name in names.split("\0") if name and (ROOT / name).exists())
    subprocess.run(
        ["tar", "--null", "--files-from=-", "-cf", source / "all.tar"], cwd=ROOT, input=present.encode(), check=True
    )
    subprocess.run(["tar", "-xf", "all.tar"], cwd=source, check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(source)]
    subprocess.run(command, check=True)
    (path,) = out.glob("*.whl")
    return path


def test_a_wheel_has_the_package_the_library_and_the_demo_model_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"fasteval"} == {name.split("/")[0] for name in names if ".dist-info/" not in name}
    for name in (
        "py.typed",
        "_library/mme/mme.yaml",
        "_library/easy_vqa/utils.py",
        "demo/checkpoint/model.safetensors",
    ):
        assert f"fasteval/{name}" in names


def test_tasks_are_found_from_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = "import fasteval; print(fasteval.__file__); print(fasteval.TaskManager().all_tasks)"
    # The unpacked wheel comes before the checkout, which is installed for the tests.
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    file, tasks = result.stdout.splitlines()
    assert str(tmp_path) in file
    assert "'mme'" in tasks
    assert "'easy_vqa'" in tasks


def test_tasks_are_found_from_a_checkout() -> None:
    import fasteval

    assert {"easy_vqa", "easy_vqa_choices", "easy_vqa_mme", "mme"} <= set(fasteval.TaskManager().all_tasks)
