"""What models and data sets say is shown as text: it steers no terminal, names no file elsewhere, shows no secret."""

from __future__ import annotations

import base64
import gzip
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.results.files import save_results
from fasteval.results.naming import sanitize_name
from fasteval.results.printable import xml_text
from fasteval.results.redaction import REDACTED, redact
from tests.cli_stub import RESULTS
from tests.hostile_texts import HOSTILE, STEERING

NAMES = list(HOSTILE)
SECRETS = {
    "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz",
    "SOMEBODY_API_KEY": "Tr0ub4dor-and-3-more",
    "MY_KEY": "k" * 9 + "K1!?",
}
PLAIN = {"SHORT_TOKEN": "password", "WORD_SECRET": "supercalifragilistic"}

TASK = """
task: hostile
task_alias: {alias}
dataset_path: json
dataset_kwargs: {{data_files: {{test: docs.jsonl}}}}
test_split: test
doc_to_text: question
doc_to_target: answer
process_results: !function utils.score
metric_list: [{{metric: {metric}, aggregation: mean, higher_is_better: true}}]
metadata: {{version: {alias}, api_key: {secret}}}
"""
UTILS = """
import os

def score(doc, results):
    if doc["answer"] == "raise":
        raise ValueError(f"{doc['question']} {os.environ.get('HF_TOKEN')} api_key=sk-{'a' * 30}")
    return {METRIC: 1.0}
"""
ALIAS = "\x1b]0;PWNED\x07[bold red]alias[/]\u202e\x9b66;66H"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task with a document for each hostile text, and recorded answers that are as hostile."""
    task = tmp_path / "task"
    task.mkdir()
    alias = json.dumps(ALIAS)
    (task / "hostile.yaml").write_text(TASK.format(alias=alias, metric=alias, secret=SECRETS["MY_KEY"]))
    (task / "utils.py").write_text(UTILS.replace("METRIC", repr(ALIAS)))
    docs, answers = [], []
    for number, text in enumerate(HOSTILE.values()):
        shown = text.encode("utf-8", "replace").decode()
        question = f"{number} {shown} {SECRETS['SOMEBODY_API_KEY']} {PLAIN['WORD_SECRET']}"
        docs.append({"question": question, "answer": "raise" if number % 3 == 0 else shown})
        if number % 3 != 1:
            answers.append({"prompt": question, "text": shown})
    (task / "docs.jsonl").write_text("\n".join(map(json.dumps, docs)))
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    (tmp_path / "gate.yaml").write_text("tasks: {hostile: {max_drop: 0.5, max_truncated: 0.9}}")
    return tmp_path


def fasteval(*words: str) -> list[str]:
    return [sys.executable, "-m", "fasteval", *words]


def commands(folder: Path) -> list[list[str]]:
    include = ["--include_path", str(folder / "task")]
    model = ["--model", "replay", "--model_args", f"answers={folder / 'answers.jsonl'}"]
    out, policy = str(folder / "out"), str(folder / "gate.yaml")
    return [
        fasteval(*model, "--tasks", "hostile", *include, "--output_path", str(folder / "out"), "--verbosity", "debug"),
        fasteval("tasks", "list", *include),
        *(fasteval("tasks", "show", "hostile", "--doc", str(number), *include) for number in (0, 8)),
        fasteval("tasks", "validate", *include),
        fasteval(*model, "--tasks", ALIAS, *include),
        fasteval("--model", ALIAS, "--tasks", "hostile", *include),
        fasteval(*model, "--tasks", "hostile", *include, "--gen_kwargs", f"{ALIAS}=1"),
        # These need what the first one has left.
        fasteval("report", out),
        fasteval("compare", out, out),
        fasteval("compare", out, out, "--json"),
        fasteval("gate", "--baseline", out, "--policy", policy, "--junit", str(folder / "gate.xml"), out),
        fasteval("rescore", out, *include),
        fasteval("cache", "stats"),
        fasteval("cache", "export"),
    ]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | SECRETS | PLAIN | {"TERM": "xterm-256color", "COLUMNS": "200", "HF_HOME": str(folder / "hf")}


def shown_on_terminal(command: list[str], folder: Path) -> str:
    """Returns what a program writes to a terminal."""
    front, back = pty.openpty()
    process = subprocess.Popen(command, stdin=back, stdout=back, stderr=back, env=environment(folder), close_fds=True)
    os.close(back)
    written = b""
    while True:
        try:
            block = os.read(front, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        written += block
    os.close(front)
    process.wait(timeout=60)
    return written.decode("utf-8", "replace")


def test_no_command_lets_texts_steer_the_terminal_or_shows_a_secret(folder: Path) -> None:
    for command in commands(folder):
        output = shown_on_terminal(command, folder)
        assert output.strip()
        assert [] == [sequence for sequence in STEERING if sequence in output], command[3:]
        assert [] == [name for name, secret in SECRETS.items() if secret in output], command[3:]
        assert "sk-aaaa" not in output
        assert "Traceback" not in output or "--verbosity" in command


def test_no_command_puts_them_into_a_log_either(folder: Path) -> None:
    every = commands(folder)
    for command in [every[0], *(command for command in every if command[3] in ("compare", "gate", "rescore"))]:
        result = subprocess.run(command, capture_output=True, text=True, env=environment(folder), check=False)
        output = result.stdout + result.stderr
        assert [] == [sequence for sequence in ("\x1b", *STEERING) if sequence in output], command[3:]
        assert [] == [name for name, secret in SECRETS.items() if secret in output], command[3:]
        assert "Traceback" not in output or "--verbosity" in command, command[3:]
        assert "a fault of fasteval's" not in output, command[3:]
    assert ET.parse(folder / "gate.xml").getroot().tag == "testsuites"


def test_no_file_holds_a_secret_and_all_of_them_hold_the_texts(folder: Path) -> None:
    result = subprocess.run(commands(folder)[0], capture_output=True, text=True, env=environment(folder), check=False)
    assert 3 == result.returncode, result.stderr
    files = [path for path in (folder / "out").rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert any(path.suffix == ".html" for path in files)
    for path in files:
        text = path.read_text("utf-8")
        for packed in re.findall(r">(H4sI[A-Za-z0-9+/=]+)<", text):  # what a page holds is compressed
            text += gzip.decompress(base64.b64decode(packed)).decode()
        assert [] == [name for name, secret in SECRETS.items() if secret in text], path
        assert "sk-aaaa" not in text
    (samples,) = (folder / "out").rglob("*_samples_hostile.jsonl")
    rows = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    assert len(HOSTILE) == len(rows)
    answered = rows[NAMES.index("a script") - NAMES.index("a script") % 3 + 2]
    assert answered["doc"]["answer"] == answered["resps"][0]
    assert PLAIN["WORD_SECRET"] in answered["doc"]["question"]
    assert REDACTED in answered["doc"]["question"]
    assert all(REDACTED in row["error"] for row in rows if "error" in row and "ValueError" in row["error"])


def test_what_a_run_keeps_is_for_its_user_alone(folder: Path) -> None:
    cache = folder / "new" / "cache"
    variables = environment(folder) | {"FASTEVAL_CACHE": str(cache)}
    command = [*commands(folder)[0], "--cache_requests", "true"]
    result = subprocess.run(command, capture_output=True, text=True, env=variables, umask=0o022, check=False)
    assert 3 == result.returncode, result.stderr
    kept = [cache.parent, cache, *cache.rglob("*")]
    assert {"responses", "requests", "task_index"} <= {path.name for path in kept}
    assert [] == [path for path in kept if path.is_dir() and path.stat().st_mode & 0o077]
    assert [] == [path for path in kept if path.suffix in (".jsonl", ".safetensors") and path.stat().st_mode & 0o077]


def test_files_stay_in_the_output_folder_whatever_tasks_and_models_are_called(tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    name = "../../../escaped/" + "\x1b]0;PWNED\x07"
    (task / "hostile.yaml").write_text(
        f"task: {json.dumps(name)}\ncustom_dataset: !function utils.load\ntest_split: test\n"
        "doc_to_text: q\ndoc_to_target: q\n"
    )
    (task / "utils.py").write_text("def load():\n    return {'test': [{'q': 'a'}]}\n")
    (tmp_path / "answers.jsonl").write_text('{"prompt": "a", "text": "a"}')
    out = tmp_path / "deep" / "deeper" / "out"
    command = fasteval(
        *("--model", "replay", "--model_args", f"answers={tmp_path / 'answers.jsonl'}", "--tasks", name),
        *("--include_path", str(task), "--output_path", str(out)),
    )
    before = {path for path in tmp_path.rglob("*") if out not in path.parents}
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == result.returncode, result.stderr
    after = {path for path in tmp_path.rglob("*") if out not in path.parents}
    assert {"deep", "deeper", "out"} >= {path.name for path in after - before if "__pycache__" not in path.parts}
    assert any("escaped" in path.name for path in out.rglob("*.jsonl"))


def test_a_link_that_lies_in_wait_for_a_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / f".results.json.{os.getpid()}.partial").symlink_to(victim)
    save_results(RESULTS, out / "results.json")
    assert "precious" == victim.read_text()
    assert (out / "results.json").is_file()
    assert not (out / "results.json").is_symlink()


@given(st.text() | st.sampled_from(list(HOSTILE.values())))
def test_a_name_is_one_part_of_a_path_below_its_folder(name: str) -> None:
    folder = Path("/folder")
    safe = sanitize_name(name)
    assert folder == Path(os.path.normpath(folder / safe)).parent
    assert 1 <= len(safe.encode("utf-8", "replace")) <= 200
    assert not safe.startswith(".")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_every_text_fits_into_xml_and_comes_back(text: str) -> None:
    element = ET.Element("failure", message=xml_text(text))
    element.text = xml_text(text)
    read = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert [] == list(read)
    assert xml_text(text).replace("\r", "\n") == (read.text or "").replace("\r", "\n")


@pytest.mark.parametrize(
    "text",
    [
        'api_key="SECRETVALUE"',
        '{"api_key": "SECRETVALUE"}',
        "Authorization: Bearer SECRETVALUESECRETVALUE",
        "AKIASECRETVALUESECRE",
        "-----BEGIN RSA PRIVATE KEY-----\nSECRETVALUE\n-----END RSA PRIVATE KEY-----",
        "github_pat_SECRETVALUESECRETVALUE",
        "xoxb-SECRETVALUE-SECRETVALUE",
    ],
)
def test_well_known_forms_of_secrets_are_redacted(text: str) -> None:
    assert "SECRETVALU" not in redact(text)


@pytest.mark.parametrize(
    "value", [{"password": 12345678}, {"secrets": ["SECRETVALUE"]}, {"cookie": {"a": "SECRETVALUE"}}]
)
def test_secrets_are_redacted_whatever_they_stand_in(value: object) -> None:
    assert REDACTED in str(redact(value))
    assert "SECRETVALUE" not in str(redact(value))
    assert "12345678" not in str(redact(value))
