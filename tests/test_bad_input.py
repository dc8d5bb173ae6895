"""Bad input from the command line: one clear line and an exit code, or one error row; never a lost answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.cli import main

if TYPE_CHECKING:
    from pathlib import Path

DEMO = "demo"


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Returns the exit code and the one line that a wrong command gets."""
    code = main([*arguments])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fasteval: error:")]
    assert 1 == len(lines)
    return code, lines[0]


def task_folder(folder: Path, yaml: str, docs: list[dict[str, Any]] | None = None) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(yaml)
    (folder / "docs.jsonl").write_text("\n".join(json.dumps(doc) for doc in docs or [{"q": "a", "a": "b"}]))
    return str(folder)


MINE = """task: mine
dataset_path: json
dataset_kwargs: {data_files: {test: docs.jsonl}}
test_split: test
doc_to_text: "{{q}}"
doc_to_target: a
generation_kwargs: {max_new_tokens: 2}
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", DEMO, "--tasks", "easy_vqqa"], "did you mean 'easy_vqa'"),
        (["--model", "qwen2vl", "--tasks", "easy_vqa"], "did you mean 'qwen2-vl'"),
        (["--model", DEMO, "--tasks", "easy_vqa", "--limitt", "3"], "--limit"),
        (["--model", DEMO], "--tasks"),
        (["--model", DEMO, "--tasks", "easy_vqa", "--gen_kwargs", "temprature=1"], "did you mean 'temperature'"),
        (["--model", DEMO, "--tasks", "easy_vqa", "--gen_kwargs", "num_beams=4"], "num_beams"),
        (["--model", DEMO, "--tasks", "easy_vqa", "--model_args", "pretrained"], "name=value"),
        (["--model", DEMO, "--tasks", "easy_vqa", "--output_path", "/proc/nowhere"], "/proc/nowhere"),
        (["--model", "vllm", "--tasks", "easy_vqa"], "pretrained="),
        (["--model", "vllm", "--model_args", "pretrained=/no/such/folder", "--tasks", "easy_vqa"], "/no/such/folder"),
    ],
)
def test_a_wrong_command_gets_one_line_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, line = complaint(capsys, *arguments)
    assert message in line
    assert code in (1, 2)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (MINE + "metric_list: ]\n", "mine.yaml:8"),
        (MINE + "doc_to_txt: q\n", "doc_to_text"),
        (MINE.replace("doc_to_target: a", "doc_to_target: answer"), "'answer'"),
        (MINE + "include: missing.yaml\n", "missing.yaml"),
        (MINE + "process_results: !function utils.score\n", "utils"),
        (MINE.replace("docs.jsonl", "nothing.jsonl"), "nothing.jsonl"),
        (MINE + "metric_list: [{metric: exact_mach}]\n", "exact_match"),
    ],
)
def test_a_broken_task_gets_one_line_that_says_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, yaml: str, message: str
) -> None:
    code, line = complaint(
        capsys, "--model", DEMO, "--tasks", "mine", "--include_path", task_folder(tmp_path / "t", yaml)
    )
    assert message in line
    assert 1 == code


def test_a_checkpoint_that_is_missing_offline_is_named_before_vllm_is_imported() -> None:
    program = (
        "import sys, fasteval.cli\n"
        "code = fasteval.cli.main(['--model', 'qwen2-vl', '--tasks', 'easy_vqa'])\n"
        "print(code, 'vllm' in sys.modules, 'torch' in sys.modules)"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert "1 False False" == result.stdout.splitlines()[-1]
    assert "Qwen/Qwen2-VL-2B-Instruct" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.engine
def test_an_argument_that_vllm_does_not_have_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = complaint(
        capsys, "--model", DEMO, "--model_args", "max_num_seq=3", "--tasks", "easy_vqa", "--limit", "1", "--no_cache"
    )
    assert "did you mean 'max_num_seqs'" in line
    assert 2 == code


@pytest.mark.engine
def test_bad_documents_cost_one_row_each_and_the_rest_is_scored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from PIL import Image

    yaml = MINE + "doc_to_visual: !function utils.visual\n"
    docs = [
        {"q": "what shape is this?", "a": "x", "file": "good.png"},
        {"q": "what shape is this?", "a": "x", "file": "broken.png"},
        {"q": "what shape is this?", "a": "x", "file": "missing.png"},
        {"q": "word " * 5000, "a": "x", "file": "good.png"},
        {"q": "what color is this?", "a": "x", "file": "good.png"},
    ]
    folder = task_folder(tmp_path / "t", yaml, docs)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "t" / "good.png")
    (tmp_path / "t" / "broken.png").write_bytes((tmp_path / "t" / "good.png").read_bytes()[:50])
    (tmp_path / "t" / "utils.py").write_text(
        "import io\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "def visual(doc):\n"
        "    data = (Path(__file__).parent / doc['file']).read_bytes()\n"
        "    return [Image.open(io.BytesIO(data)).convert('RGB')]\n"
    )
    output = tmp_path / "out"
    code = main(["--model", DEMO, "--tasks", "mine", "--include_path", folder, "--output_path", str(output)])
    assert 3 == code
    (samples,) = output.rglob("*_samples_mine.jsonl")
    errors = [json.loads(line).get("error") for line in samples.read_text().splitlines()]
    assert [False, True, True, True, False] == [error is not None for error in errors]
    assert "missing.png" in errors[2]
    assert "longer than the model" in errors[3]
    assert "3 documents have no score" in capsys.readouterr().err


@pytest.mark.engine
def test_an_empty_prompt_is_an_error_row(tmp_path: Path) -> None:
    folder = task_folder(tmp_path / "t", MINE, [{"q": "", "a": "x"}, {"q": "hello", "a": "x"}])
    arguments = ["--model", DEMO, "--tasks", "mine", "--include_path", folder, "--output_path", str(tmp_path / "out")]
    assert 3 == main(arguments)
    (samples,) = (tmp_path / "out").rglob("*_samples_mine.jsonl")
    first, second = (json.loads(line) for line in samples.read_text().splitlines())
    assert "empty" in first["error"]
    assert "error" not in second


@pytest.mark.engine
def test_ctrl_c_leaves_a_partial_result_and_what_was_finished_is_in_the_cache(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fasteval", "--model", DEMO, "--tasks", "easy_vqa", "--limit", "1500"]
    command += ["--use_cache", str(tmp_path), "--output_path", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    until = time.monotonic() + 300
    while answers(tmp_path) < 20 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    kept = answers(tmp_path)
    assert 130 == process.returncode
    assert b"Traceback" not in error
    assert 20 <= kept < 1500
    (partial,) = (tmp_path / "out").rglob("*_results.json")
    written = json.loads(partial.read_text())
    assert (True, False) == (written["interrupted"], written["is_complete"])
    assert kept <= written["n-samples"]["easy_vqa"]["effective"]
    partial.unlink()
    assert 0 == subprocess.run(command, capture_output=True, check=False).returncode
    (results,) = (tmp_path / "out").rglob("*_results.json")
    throughput = json.loads(results.read_text())["throughput"]
    assert kept <= throughput["cache_hits"]
    assert throughput["unique_requests"] == throughput["cache_hits"] + throughput["sent"]


def answers(folder: Path) -> int:
    """How many answers a cache's files have; the line that says whose they are is none."""
    lines = (line for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines())
    return sum(line.startswith(b'{"key":') and b'"about":' not in line[:200] for line in lines)
