"""Memory-mapped data files: what was read of them does not stay in this process's memory, and reads the same again."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from fasteval.tasks.mapped import MappedFiles


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system is not told")
def test_pages_that_were_read_are_given_back_and_read_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "data.arrow"
    table = pa.table({"image": [bytes([number]) * 1_000_000 for number in range(8)]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    mapped = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    assert table == mapped
    before = resident(path)
    MappedFiles([str(path)]).has_read(1 << 30)
    assert 8_000_000 <= before > resident(path) + 7_000_000
    assert table == mapped


def resident(path: Path) -> int:
    """Returns the bytes of the file that are in this process's memory."""
    total, is_ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(maxsplit=1)[0]:
            is_ours = line.endswith(str(path))
        elif is_ours and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total
