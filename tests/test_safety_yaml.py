"""YAML of unknown origin: plain data within limits, or an error; nothing that ends the process or fills its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fasteval.errors import TaskFileError, UsageError
from fasteval.safety.yaml_loader import load_yaml
from fasteval.tasks import TaskManager
from fasteval.tasks.loading import load_task_file
from fasteval.tasks.scan import scan_file

if TYPE_CHECKING:
    from pathlib import Path

LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha]", *(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12))]
)
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12))]
)

HOSTILE: dict[str, str | bytes] = {
    "brackets that would exhaust the stack": "[" * 200_000,
    "braces that would exhaust the stack": "{a: " * 200_000,
    "lists in lists": "- " * 200_000 + "a",
    "aliases that multiply": LAUGHS,
    "merged mappings that multiply": MERGES,
    "a list in itself": "a: &a [*a]",
    "a mapping in itself": "a: &a {b: *a}",
    "more than a file has": "a: " + "x" * (17 << 20),
    "an object of Python": "a: !!python/object/apply:os.system [echo]",
    "a module of Python": "a: !!python/module:os",
    "a tag of its own": "a: !run rm",
    "a number that is none": "a: !!int x",
    "a thirteenth month": "a: 2001-13-01",
    "a time that is none": "a: !!timestamp x",
    "more digits than an integer may have": "a: " + "9" * 5000,
    "a key that is no key": "? [a]\n: b",
    "bytes that are no text": b"a: \xff\xfe\xfd",
    "half a surrogate pair": "a: \ud800",
    "a null character": "a: \0",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_an_error_of_yaml(name: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_task_file_is_one_error_and_hides_no_other_task(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (tmp_path / "hostile.yaml").write_bytes(b"task: hostile\nfield:\n  " + data.replace(b"\n", b"\n  ") + b"\n")
    (tmp_path / "good.yaml").write_text("task: good\n")
    with pytest.raises(TaskFileError, match=r"hostile\.yaml"):
        load_task_file(tmp_path / "hostile.yaml")
    assert "good" in TaskManager(tmp_path).all_tasks


def test_what_a_file_defines_is_read_within_the_same_limits(tmp_path: Path) -> None:
    (tmp_path / "hostile.yaml").write_text("task: " + "[" * 200_000)
    assert {} == scan_file(tmp_path / "hostile.yaml")


def test_a_configuration_file_is_read_within_the_same_limits(tmp_path: Path) -> None:
    import click

    from fasteval.cli.settings import read_config

    (tmp_path / "run.yaml").write_text(LAUGHS)
    with pytest.raises(UsageError, match="aliases"):
        read_config(tmp_path / "run.yaml", click.Command("run"))


def test_an_error_says_the_line() -> None:
    with pytest.raises(yaml.YAMLError, match="line 3"):
        load_yaml("a: 1\nb: 2\nc: !!int x\n")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_plain_data_comes_back_as_they_were(value: Any) -> None:
    assert value == load_yaml(yaml.safe_dump(value, allow_unicode=True))


@pytest.mark.parametrize("text", ["a: &x [1, 2]\nb: *x\n", "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n"])
def test_anchors_that_do_not_swell_are_fine(text: str) -> None:
    assert yaml.safe_load(text) == load_yaml(text)
