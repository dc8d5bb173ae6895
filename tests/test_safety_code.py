"""Data, answers and checkpoints run no code: no pickles, no remote code, no archive that leaves its folder."""

from __future__ import annotations

import ast
import io
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fasteval.errors import CheckpointError, DatasetError, DocumentError
from fasteval.models.named import NAMED
from tests.task_folders import load, write

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "fasteval").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
#: Modules that make objects of bytes, or unpack archives.
FORBIDDEN = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "tarfile", "zipfile"}
#: The one place that unpacks, guarded (tests/test_tasks_archives.py), and the one that asks which files are archives.
UNPACKING = {"fasteval/safety/archives.py": {"tarfile", "zipfile"}, "fasteval/tasks/archives.py": {"tarfile"}}
#: Calls that run texts, with the one place that may: task folders run code.
RUNNING = {
    "eval": set(),
    "exec": {"fasteval/tasks/modules.py"},
    "system": set(),
    "popen": set(),
    "unpack_archive": set(),
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def relative(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(tree(path)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def test_nothing_is_pickled_and_nothing_is_unpacked_but_videos_in_one_place() -> None:
    assert UNPACKING == {relative(path): found for path in FILES if (found := imported(path) & FORBIDDEN)}


def test_nothing_but_a_task_folders_code_is_run() -> None:
    for path in FILES:
        for call in calls(path):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
                # `re.compile` and a model's `.eval()` are not what is meant.
                name = call.func.attr if call.func.value.id in ("os", "builtins", "shutil") else ""
            if name in RUNNING:
                assert relative(path) in RUNNING[name], f"{path}:{call.lineno}"


def test_no_call_switches_a_safeguard_off() -> None:
    switches = {"shell": True, "allow_pickle": True, "weights_only": False, "trust_remote_code": True}
    for path in FILES:
        for call in calls(path):
            for keyword in call.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                assert keyword.arg not in switches or value is not switches[keyword.arg], f"{path}:{call.lineno}"


# A pickle that leaves a mark where it is read.


class Mark:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


DATA = """
task: data
dataset_path: {path}
dataset_kwargs: {{{options}}}
test_split: test
doc_to_text: q
doc_to_target: q
"""


def test_a_data_set_of_pickles_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "docs.pkl").write_bytes(pickle.dumps(Mark(mark)))
    write(tmp_path, {"data.yaml": DATA.format(path="pandas", options="data_files: {test: docs.pkl}")})
    with pytest.raises(DatasetError, match="pickles are not read"):
        _ = load(tmp_path, "data").docs
    assert not mark.exists()


def test_a_data_set_that_brings_a_script_does_not_run_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")
    write(tmp_path, {"data.yaml": DATA.format(path="./scripted", options="trust_remote_code: true")})
    with pytest.raises(DatasetError):
        _ = load(tmp_path, "data").docs
    assert not mark.exists()


def test_a_whole_run_reads_no_pickle(tmp_path: Path) -> None:
    """With `map` and `filter` of `datasets`, twice, so that the second one reads what the first one kept."""
    write(
        tmp_path,
        {
            "data.yaml": DATA.format(path="json", options="data_files: {test: docs.jsonl}")
            + "process_docs: !function utils.process\n",
            "utils.py": """
                def process(docs):
                    return docs.filter(lambda doc: doc["n"] > 0).map(lambda doc: {"q": doc["q"] + "!"})
                """,
            "docs.jsonl": "\n".join(json.dumps({"q": f"q{n}", "n": n}) for n in range(4)),
            "answers.jsonl": "\n".join(json.dumps({"prompt": f"q{n}!", "text": "x"}) for n in range(4)),
        },
    )
    program = f"""
import sys
found = []
sys.addaudithook(lambda event, arguments: found.append(arguments) if event == "pickle.find_class" else None)
from fasteval.cli import main
command = ["--model", "replay", "--model_args", "answers={tmp_path}/answers.jsonl", "--tasks", "data",
           "--include_path", {str(tmp_path)!r}, "--output_path", {str(tmp_path / "out")!r}, "--cache_requests", "true"]
assert 0 == main(command), "the run failed"
assert 0 == main(command), "the second run failed"
print("found", found)
"""
    environment = {"HF_HOME": str(tmp_path / "hf"), "FASTEVAL_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert "found []" == result.stdout.splitlines()[-1], result.stdout + result.stderr


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_of_data_does_not_leave_its_folder(tmp_path: Path, kind: str) -> None:
    evil, line = "../../../escaped.jsonl", b'{"q": "a"}\n'
    archive = tmp_path / f"docs.{'tar.gz' if kind == 'tar' else 'zip'}"
    if kind == "tar":
        with tarfile.open(archive, "w:gz") as tar:
            for name in ("docs.jsonl", evil, str(tmp_path / "absolute.jsonl")):
                member = tarfile.TarInfo(name)
                member.size = len(line)
                tar.addfile(member, io.BytesIO(line))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc"
            tar.addfile(link)
    else:
        with zipfile.ZipFile(archive, "w") as file:
            for name in ("docs.jsonl", evil, str(tmp_path / "absolute.jsonl")):
                file.writestr(name, line)
    write(tmp_path, {"data.yaml": DATA.format(path="json", options=f"data_files: {{test: {archive.name}}}")})
    import datasets

    cache = tmp_path / "a" / "b" / "c" / "d"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_DATASETS_CACHE", "DOWNLOADED_DATASETS_PATH", "EXTRACTED_DATASETS_PATH"):
            patch.setattr(datasets.config, name, cache / name)
        try:
            docs = list(load(tmp_path, "data").docs)
        except DatasetError:
            docs = []
    assert all({"q": "a"} == doc for doc in docs)
    outside = [path for path in tmp_path.rglob("*.jsonl") if cache not in path.parents]
    assert [] == outside
    assert not [path for path in cache.rglob("*") if path.is_symlink() and path.resolve().is_relative_to("/etc")]


def test_an_image_that_a_document_puts_on_a_server_is_not_fetched(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "data.yaml": DATA.format(path="x", options="").replace(
                "dataset_path: x\ndataset_kwargs: {}", "custom_dataset: !function utils.load"
            )
            + "doc_to_visual: image\n",
            "utils.py": """
                import datasets
                def load():
                    features = datasets.Features({"q": datasets.Value("string"), "image": datasets.Image()})
                    rows = {"q": ["a"], "image": [{"path": "http://127.0.0.1:9/secret.png", "bytes": None}]}
                    return {"test": datasets.Dataset.from_dict(rows, features=features)}
                """,
        },
    )
    with pytest.raises(DocumentError, match="on a server"):
        _ = load(tmp_path, "data").docs[0]


# Checkpoints.


@pytest.fixture
def scripted_checkpoint(tmp_path: Path) -> Path:
    """The demo model with code of its own that leaves a mark."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(str(NAMED["demo"].checkpoint), folder)
    code = f"from pathlib import Path\nPath({str(tmp_path / 'mark')!r}).touch()\n"
    for name in ("configuration_evil.py", "modeling_evil.py", "processing_evil.py", "tokenization_evil.py"):
        (folder / name).write_text(code)
    for name, entries in {
        "config.json": {"AutoConfig": "configuration_evil.Evil", "AutoModelForImageTextToText": "modeling_evil.Evil"},
        "preprocessor_config.json": {
            "AutoImageProcessor": "processing_evil.Evil",
            "AutoProcessor": "processing_evil.Evil",
        },
        "tokenizer_config.json": {"AutoTokenizer": ["tokenization_evil.Evil", None]},
    }.items():
        path = folder / name
        if path.is_file():
            path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": entries}))
    return folder


@pytest.mark.engine
def test_a_checkpoints_own_code_is_not_run_unless_asked(
    tmp_path: Path, scripted_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fasteval.cli import main

    # Nor what lies in the working directory under the name of a package.
    monkeypatch.chdir(tmp_path)
    for name in ("torch", "vllm", "transformers", "orjson"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()")
    code = main(
        ["--model", "vllm", "--model_args", f"pretrained={scripted_checkpoint}", "--tasks", "easy_vqa", "--limit", "2"]
    )
    assert not (tmp_path / "mark").exists()
    assert code in (0, 1)


def test_weights_that_are_a_pickle_are_named_as_such(tmp_path: Path) -> None:
    from fasteval.models.checkpoint.find import find_checkpoint

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Mark(tmp_path / "mark")))
    with pytest.raises(CheckpointError, match="convert them to safetensors"):
        find_checkpoint(tmp_path)
    assert not (tmp_path / "mark").exists()
