"""Archives of videos: unpacked once, whole or not at all, and never outside of their folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.errors import DatasetError
from fasteval.safety.archives import Room, unpack
from fasteval.tasks.archives import unpack_videos
from tests.loopback_hub import COMMIT, LoopbackHub
from tests.task_folders import load, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parent.parent
CLIPS = {"data/one.mp4": b"1" * 3000, "data/two.mp4": b"2" * 2000}
OPTIONS = {"video": True, "cache_dir": "clips"}
TASK = """
task: clips
dataset_path: somebody/clips
dataset_kwargs: {token: True, video: True, cache_dir: clips}
test_split: test
doc_to_visual: !function utils.find
doc_to_text: question
doc_to_target: answer
"""
FIND = """
import os

def find(doc):
    return [os.path.join(os.environ["HF_HOME"], "clips", "data", doc["name"] + ".mp4")]
"""


def zipped(members: dict[str, bytes] = CLIPS) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def member(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]  # any of its modes
        for info, data in members or [member(name, data) for name, data in CLIPS.items()]:
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def files_below(folder: Path) -> dict[str, bytes]:
    """Returns the content of the files by their paths, without what fasteval keeps there itself."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != ".fasteval-unpacked.json"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A data set's folder, without its archives."""
    line = '{"name": "one", "question": "what?", "answer": "x"}\n'
    return write(tmp_path / "source", {"test.jsonl": line})


def split(data: bytes, *names: str) -> dict[str, bytes]:
    step = -(-len(data) // len(names))
    return {name: data[number * step : (number + 1) * step] for number, name in enumerate(names)}


# What is unpacked.


@pytest.mark.parametrize(
    "archives",
    [
        {"clips.zip": zipped()},
        {"deep/down/clips.ZIP": zipped()},
        {"clips.tar": tarred()},
        {"clips.tar.gz": tarred(mode="w:gz")},
        {"clips.tar.xz": tarred(mode="w:xz")},
        {f"{name[-7:-4]}.zip": zipped({name: data}) for name, data in CLIPS.items()},
        # Numbered archives that are whole each, and one that was cut.
        {f"c_{n}.tar": tarred(member(name, data)) for n, (name, data) in enumerate(CLIPS.items())},
        split(tarred(), *(f"c.tar.part{number}" for number in range(11))),
        split(tarred(mode="w:gz"), "c_9.tar.gz", "c_10.tar.gz"),
        {"clips.zip": zipped(), "clips.tar.md5": b"d41d8cd98f00b204"},
    ],
    ids=lambda archives: " ".join(archives)[:40],
)
def test_the_files_of_all_archives_come_to_where_the_task_looks(
    home: Path, source: Path, archives: dict[str, bytes]
) -> None:
    for name, content in archives.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    unpack_videos("somebody/clips", OPTIONS, source)
    assert CLIPS == files_below(home / "clips")


def test_a_task_finds_its_videos_in_a_local_copy_of_its_data_set(home: Path, source: Path, tmp_path: Path) -> None:
    (source / "clips.zip").write_bytes(zipped())
    folder = write(tmp_path / "tasks", {"clips.yaml": TASK, "utils.py": FIND})
    task = load(folder, "clips", datasets={"somebody/clips": str(source)})
    [shown] = task.media(task.docs[0])
    assert str(home / "clips" / "data" / "one.mp4") == str(shown.source)


def test_a_data_set_in_a_folder_beside_the_task_is_a_local_one(home: Path, source: Path, tmp_path: Path) -> None:
    (source / "clips.zip").write_bytes(zipped())
    text = TASK.replace("somebody/clips", "../source").replace(
        "cache_dir: clips", "cache_dir: clips, data_files: {test: test.jsonl}"
    )
    task = load(write(tmp_path / "tasks", {"clips.yaml": text, "utils.py": FIND}), "clips")
    assert 1 == len(task.media(task.docs[0]))
    assert CLIPS == files_below(home / "clips")


def test_a_folder_that_is_there_is_taken_as_it_is(home: Path, source: Path) -> None:
    (source / "clips.zip").write_bytes(b"never looked at")
    write(home / "clips", {"own.mp4": "mine"})
    unpack_videos("somebody/clips", OPTIONS | {"force_unzip": True}, source)
    assert {"own.mp4": b"mine"} == files_below(home / "clips")


def test_what_was_unpacked_is_not_unpacked_again_and_says_where_it_came_from(
    home: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (source / "clips.zip").write_bytes(zipped())
    unpack_videos("somebody/clips", OPTIONS, source)
    caplog.clear()  # of what it says of its work, where that is shown
    about = json.loads((home / "clips" / ".fasteval-unpacked.json").read_bytes())
    assert {"dataset": "somebody/clips", "archives": {"clips.zip": len(zipped())}} == about
    (source / "clips.zip").write_bytes(b"never looked at")
    unpack_videos("somebody/clips", OPTIONS, source)
    assert [] == caplog.messages
    unpack_videos("somebody/others", OPTIONS, source)
    assert ["has the videos of 'somebody/clips'; they are taken for those of 'somebody/others'"] == [
        message.partition(" ")[2] for message in caplog.messages
    ]


def test_without_archives_the_folder_may_be_a_link_to_the_data_set(
    home: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unpack_videos("somebody/clips", OPTIONS, source)
    assert "has no archives" in caplog.text
    assert not (home / "clips").exists()
    unpack_videos("somebody/clips", OPTIONS | {"create_link": True}, source)
    assert source == (home / "clips").readlink()


# What goes wrong.


def test_a_process_that_was_killed_leaves_nothing_that_counts(home: Path, source: Path) -> None:
    (source / "clips.zip").write_bytes(zipped())
    write(home, {".clips.unpacking/data/one.mp4": "half of it", ".clips.unpacking/data/three.mp4": "of another time"})
    unpack_videos("somebody/clips", OPTIONS, source)
    assert CLIPS == files_below(home / "clips")
    assert {".clips.lock", "clips"} == {path.name for path in home.iterdir()}


def test_a_damaged_archive_leaves_nothing_and_is_named(home: Path, source: Path) -> None:
    (source / "a.zip").write_bytes(zipped())
    (source / "b.tar").write_bytes(tarred()[:2000])
    with pytest.raises(DatasetError, match=r"b\.tar cannot be unpacked: unexpected end of data"):
        unpack_videos("somebody/clips", OPTIONS, source)
    assert {".clips.lock"} == {path.name for path in home.iterdir()}
    (source / "b.tar").write_bytes(tarred())
    unpack_videos("somebody/clips", OPTIONS, source)
    assert CLIPS == files_below(home / "clips")


def test_processes_that_want_the_same_videos_unpack_them_once(home: Path, source: Path) -> None:
    (source / "clips.zip").write_bytes(zipped({f"{number}.mp4": bytes(500_000) for number in range(40)}))
    program = (
        "import logging, sys; from pathlib import Path; logging.basicConfig(level='INFO', stream=sys.stdout)\n"
        "from fasteval.tasks.archives import unpack_videos\n"
        f"unpack_videos('somebody/clips', {OPTIONS}, Path({str(source)!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(3)]
    said = b"".join(process.communicate()[0] for process in processes)
    assert [0, 0, 0] == [process.returncode for process in processes]
    assert 1 == said.count(b"unpacking 1 archives")
    assert 40 == len(files_below(home / "clips"))


def link(name: str, target: str, kind: bytes) -> bytes:
    return tarred(member("a.mp4", b"a"), member(name, type=kind, linkname=target))


def linked_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc")
    return content.getvalue()


def encrypted() -> bytes:
    """A zip file whose only member says that it is encrypted."""
    data = bytearray(zipped({"a": b"a"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.zip", zipped({"../out.mp4": b"x"}), r"its member '\.\./out\.mp4' leads out of the folder"),
        ("a.zip", zipped({"/tmp/out.mp4": b"x"}), "leads out of the folder"),
        ("a.zip", zipped({"a/../../out.mp4": b"x"}), "leads out of the folder"),
        ("a.zip", zipped({"..\\out.mp4": b"x"}), "leads out of the folder"),
        ("a.zip", linked_zip(), "its member 'link' is neither a file nor a folder"),
        ("a.zip", encrypted(), "encrypted"),
        ("a.zip", zipped({"a": b"a", "a/b": b"b"}), "cannot be unpacked"),
        ("a.zip", b"PK\x03\x04 and then something else", "not a zip file"),
        ("a.tar", tarred(member("../out.mp4", b"x")), "leads out of the folder"),
        ("a.tar", tarred(member("/tmp/out.mp4", b"x")), "leads out of the folder"),
        ("a.tar", link("b", "/etc/passwd", tarfile.SYMTYPE), "its member 'b' is neither a file nor a folder"),
        ("a.tar", link("b", "a.mp4", tarfile.SYMTYPE), "its member 'b' is neither a file nor a folder"),
        ("a.tar", link("b", "../../secret", tarfile.LNKTYPE), "outside the destination"),
        ("a.tar", tarred(member("pipe", type=tarfile.FIFOTYPE)), "its member 'pipe' is neither a file nor a folder"),
        ("a.tar", tarred(member("disk", type=tarfile.BLKTYPE)), "neither a file nor a folder"),
        ("a.tar", b"no archive at all" * 100, "cannot be unpacked"),
        ("a.tar.gz", tarred(mode="w:gz")[:-40], "cannot be unpacked"),
    ],
)
def test_a_hostile_archive_is_refused_and_nothing_of_it_stays(
    home: Path, source: Path, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    (source / name).write_bytes(content)
    before = files_below(tmp_path)
    with pytest.raises(DatasetError, match=reason):
        unpack_videos("somebody/clips", OPTIONS, source)
    assert before | {"home/.clips.lock": b""} == files_below(tmp_path)


def test_a_hard_link_within_the_archive_is_a_file(home: Path, source: Path) -> None:
    (source / "a.tar").write_bytes(link("b.mp4", "a.mp4", tarfile.LNKTYPE))
    unpack_videos("somebody/clips", OPTIONS, source)
    assert {"a.mp4": b"a", "b.mp4": b"a"} == files_below(home / "clips")


@pytest.mark.parametrize(
    "pack",
    [lambda data: ("a.zip", packed_zip(data)), lambda data: ("a.tar.gz", tarred(member("a", data), mode="w:gz"))],
)
def test_an_archive_that_would_fill_the_disk_is_refused(
    tmp_path: Path, pack: Callable[[bytes], tuple[str, bytes]]
) -> None:
    name, content = pack(bytes(1_000_000))
    archive = tmp_path / name
    archive.write_bytes(content)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"more to unpack than there is room for"):
        unpack([archive], folder, Room(999_999))
    with pytest.raises(DatasetError, match=r"more to unpack than there is room for"):
        unpack([archive], folder, Room(2_000_000, files=0))
    assert {} == files_below(folder)
    # Room goes with the archives' own size.
    assert len(content) * 100 + (1 << 30) >= Room.for_archives([archive], folder).size
    unpack([archive], folder, Room.for_archives([archive], folder))
    assert {"a": bytes(1_000_000)} == files_below(folder)


def packed_zip(data: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", data)
    return content.getvalue()


# From the Hub.


class Hub(LoopbackHub):
    """Serves one data set; `asked` has the paths of what was downloaded."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        super().__init__()

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any]:
        path = path.partition("?")[0].replace("/resolve/main/", f"/resolve/{COMMIT}/")
        _, resolves, name = path.rpartition(f"/resolve/{COMMIT}/")
        if method == "POST":
            return 200, self.entries(json.loads(body).get("paths", []))
        if resolves and name in self.files:
            self.asked += [name] if method == "GET" else []
            return 200, self.files[name]
        if path.startswith(f"/api/datasets/somebody/clips/tree/{COMMIT}"):
            return 200, self.entries(self.files)
        if path.startswith("/api/datasets/somebody/clips"):
            siblings = [{"rfilename": name} for name in self.files]
            return 200, {"id": "somebody/clips", "sha": COMMIT, "siblings": siblings}
        return 404, {"error": "nothing there"}

    def entries(self, names: Iterable[str]) -> list[dict[str, Any]]:
        known = [name for name in names if name in self.files]
        return [{"type": "file", "path": name, "size": len(self.files[name]), "oid": name} for name in known]


@pytest.fixture
def hub() -> Iterator[Hub]:
    line = b'{"name": "one", "question": "what?", "answer": "x"}\n'
    hub = Hub({"test.jsonl": line, "videos/clips.zip": zipped()})
    yield hub
    hub.close()


def show(folder: Path, endpoint: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Shows the task's first document, in a process that takes `endpoint` for the Hub."""
    words = ["-m", "fasteval", "tasks", "show", "clips", "--include_path", str(folder)]
    own = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=os.environ | own, check=False)


def test_a_data_set_of_the_hub_is_downloaded_and_unpacked_once(home: Path, hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "tasks", {"clips.yaml": TASK, "utils.py": FIND})
    for _ in range(2):
        done = show(folder, hub.url)
        assert 0 == done.returncode, done.stderr
        assert f"[media]\nvideo, {home / 'clips' / 'data' / 'one.mp4'}\n" in done.stdout
    assert CLIPS == files_below(home / "clips")
    assert 1 == hub.asked.count("videos/clips.zip")


def test_videos_that_cannot_be_downloaded_are_one_line_that_says_what_to_do(home: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "tasks", {"clips.yaml": TASK, "utils.py": FIND})
    done = show(folder, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert 1 == done.returncode
    assert "fasteval: error: the videos of 'somebody/clips' are not on this machine" in done.stderr
    assert "--dataset somebody/clips=PATH" in done.stderr
    assert not (home / "clips").exists()
