"""Every flag of lmms-eval 0.7.3 and lm-eval 0.4.13 is honoured, not needed, or refused with a reason."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fasteval.cli import main
from fasteval.cli.foreign import HONOURED, NOT_NEEDED, REFUSED
from fasteval.cli.run import run as run_command
from fasteval.evaluation.recorder import plain_config
from fasteval.evaluation.settings import RunSettings
from tests.cli_stub import RESULTS, run

if TYPE_CHECKING:
    from tests.cli_stub import Evaluation

#: `python -m benchmarks.peer_flags` reads them from the two packages' argument parsers.
RECORDED: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "data" / "peers" / "flags.json").read_text("utf-8")
)


class Effect(NamedTuple):
    """Words behind a flag that is honoured, and what they make of a field of the settings."""

    words: tuple[str, ...]
    field: str
    expected: Any


HONOURED_EFFECTS = {
    "model": Effect(("vllm",), "model", "vllm"),
    "model_args": Effect(("pretrained=a/b,dtype=float32",), "model_args", {"pretrained": "a/b", "dtype": "float32"}),
    "tasks": Effect(("pope",), "tasks", ("mme", "pope")),
    "include_path": Effect(("folder",), "include_path", ("folder",)),
    "limit": Effect(("0.5",), "limit", 0.5),
    "offset": Effect(("3",), "offset", 3),
    "num_fewshot": Effect(("2",), "num_fewshot", 2),
    "gen_kwargs": Effect(("temperature=0.5",), "gen_kwargs", {"temperature": 0.5}),
    "apply_chat_template": Effect((), "apply_chat_template", True),
    "fewshot_as_multiturn": Effect((), "fewshot_as_multiturn", True),
    "system_instruction": Effect(("Be brief.",), "system_instruction", "Be brief."),
    "reasoning_tags": Effect(('[["<a>", "</a>"]]',), "reasoning_tags", (("<a>", "</a>"),)),
    "repeats": Effect(("4",), "repeats", 4),
    "predict_only": Effect((), "predict_only", True),
    "confirm_run_unsafe_code": Effect((), "confirm_run_unsafe_code", True),
    "log_samples": Effect((), "log_samples", True),
    "use_cache": Effect(("folder",), "use_cache", Path("folder")),
    "cache_requests": Effect(("true",), "cache_requests", True),
    "seed": Effect(("0,1,2,3",), "fewshot_seed", 3),
    "trust_remote_code": Effect((), "trust_remote_code", True),
}


def parameter(entry: dict[str, Any]) -> str:
    """Returns the name of the parameter that a recorded flag sets in `fasteval run`."""
    (name,) = {option.name for option in run_command.params if set(entry["flags"]) & set(option.opts)}
    return str(name)


def words_of(entry: dict[str, Any]) -> tuple[str, ...]:
    """Returns words that may follow a flag there."""
    if entry["takes"] == "nothing":
        return ()
    if entry["takes"] == "several":
        return ("a=1", "b=2")
    return (entry["choices"][-1] if entry["choices"] else "1",)


FLAGS = [
    pytest.param(entry, spelling, id=f"{peer}: {spelling}")
    for peer, entries in RECORDED.items()
    for entry in entries
    for spelling in entry["flags"]
]


@pytest.mark.parametrize(("entry", "spelling"), FLAGS)
def test_every_spelling_of_every_flag_is_known(entry: dict[str, Any], spelling: str) -> None:
    assert spelling in {name for option in run_command.params for name in option.opts}
    assert parameter(entry) in HONOURED.keys() | NOT_NEEDED.keys() | REFUSED.keys()


@pytest.mark.parametrize(("entry", "spelling"), FLAGS)
def test_every_flag_does_what_its_table_says(
    evaluation: Evaluation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    entry: dict[str, Any],
    spelling: str,
) -> None:
    name = parameter(entry)
    if name in REFUSED:
        assert 2 == run(spelling, *words_of(entry))
        assert f"fasteval: error: --{name} is not supported by this version: {REFUSED[name]}\n" == (
            capsys.readouterr().err
        )
        assert [] == evaluation.seen
    elif name in NOT_NEEDED:
        assert 0 == run(spelling, *words_of(entry))
        assert f"fasteval: --{name} is not needed: {NOT_NEEDED[name]}\n" in capsys.readouterr().err
        assert RunSettings(model="demo", tasks=("mme",)) == evaluation.settings
    elif name == "config":
        (tmp_path / "run.yaml").write_text("limit: 3")
        assert 0 == run(spelling, str(tmp_path / "run.yaml"))
        assert 3 == evaluation.settings.limit
    elif name == "output_path":
        assert 0 == run(spelling, str(tmp_path))
        assert tmp_path == evaluation.settings.output_path
    elif name.startswith("wandb_"):
        # What they do, tests/test_wandb_tracker.py says.
        monkeypatch.setitem(sys.modules, "wandb", None)
        assert 2 == run("--wandb_args", "project=x", spelling, *(("a=1",) if entry["takes"] != "nothing" else ()))
        assert "W&B needs the package" in capsys.readouterr().err
    elif name == "hf_hub_log_args":
        # What it does, tests/test_hub_tracker.py says.
        assert 2 == run(spelling, "push_results_to_hub=true")
        assert "needs --output_path" in capsys.readouterr().err
    elif name == "verbosity":
        assert 0 == run(spelling, "ERROR", "--batch_size", "1")
        assert "not needed" not in capsys.readouterr().err
    else:
        effect = HONOURED_EFFECTS[name]
        assert 0 == run(spelling, *effect.words)
        assert effect.expected == getattr(evaluation.settings, effect.field)


def test_nothing_is_in_two_tables_or_in_none_of_their_parsers() -> None:
    ours = [*HONOURED, *NOT_NEEDED, *REFUSED]
    theirs = {parameter(entry) for entries in RECORDED.values() for entry in entries}
    assert sorted(theirs) == sorted(ours)


LMMS_EVAL = (
    "--model vllm --model_args model=Qwen/Qwen2.5-VL-3B-Instruct,tensor_parallel_size=1 --tasks mme,mmmu_val "
    "--batch_size 64 --log_samples --log_samples_suffix vllm --output_path {out}"
)
LM_EVAL = (
    "--model vllm --model_args pretrained=EleutherAI/pythia-160m,dtype=float32 --tasks arc_easy,hellaswag "
    "--device cuda:0 --batch_size auto --output_path {out}"
)


def test_a_command_of_lmms_eval_runs_with_the_programs_name_replaced(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert 0 == main(LMMS_EVAL.format(out=tmp_path).split())
    expected = RunSettings(
        model="vllm",
        model_args={"model": "Qwen/Qwen2.5-VL-3B-Instruct", "tensor_parallel_size": 1},
        tasks=("mme", "mmmu_val"),
        log_samples=True,
        output_path=tmp_path,
    )
    assert expected == evaluation.settings
    assert "--batch_size is not needed" in capsys.readouterr().err


@pytest.mark.parametrize("program", [(), ("run",)])
def test_a_command_of_lm_eval_runs_with_the_programs_name_replaced(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path, program: tuple[str, ...]
) -> None:
    assert 0 == main([*program, *LM_EVAL.format(out=tmp_path).split()])
    expected = RunSettings(
        model="vllm",
        model_args={"pretrained": "EleutherAI/pythia-160m", "dtype": "float32"},
        tasks=("arc_easy", "hellaswag"),
        output_path=tmp_path,
    )
    assert expected == evaluation.settings
    error = capsys.readouterr().err
    assert "--device is not needed" in error
    assert "--batch_size is not needed" in error


def test_a_templates_name_is_refused_with_what_to_do(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run("--apply_chat_template", "chatml")
    assert "pass the flag alone, and --model_args chat_template=<file> for 'chatml'" in capsys.readouterr().err


# Configuration files


def test_a_configuration_file_of_lmms_eval_sets_its_environment(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEVAL_TEST_HOME", "/home/x")
    monkeypatch.setenv("FASTEVAL_TEST_MODE", "")
    (tmp_path / "run.yaml").write_text(
        """
        - env: {FASTEVAL_TEST_MODE: $FASTEVAL_TEST_HOME/data}
          model: vllm
          model_args: "model=a/b,tensor_parallel_size=2"
          tasks: "mme,pope"
          batch_size: 16
          log_samples: true
          hf_hub_log_args: ""
        """
    )
    assert 0 == main(["--config", str(tmp_path / "run.yaml")])
    assert "/home/x/data" == os.environ["FASTEVAL_TEST_MODE"]
    expected = RunSettings(
        model="vllm", model_args={"model": "a/b", "tensor_parallel_size": 2}, tasks=("mme", "pope"), log_samples=True
    )
    assert expected == evaluation.settings


def test_a_configuration_file_of_lm_eval_is_understood(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(
        """
        model: vllm
        model_args: {pretrained: a/b, dtype: float32}
        tasks: [arc_easy, hellaswag]
        num_fewshot: 5
        batch_size: auto
        device: "cuda:0"
        limit: null
        samples: null
        wandb_args: {}
        metadata: {}
        gen_kwargs: {temperature: 0}
        seed: [0, 1234, 1234, 1234]
        trust_remote_code: false
        """
    )
    assert 0 == main(["--config", str(tmp_path / "run.yaml")])
    expected = RunSettings(
        model="vllm",
        model_args={"pretrained": "a/b", "dtype": "float32"},
        tasks=("arc_easy", "hellaswag"),
        num_fewshot=5,
        gen_kwargs={"temperature": 0},
        seed=0,
        fewshot_seed=1234,
    )
    assert expected == evaluation.settings


def test_the_resolved_configuration_in_the_results_repeats_the_run_whatever_its_flags(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    settings = RunSettings(
        model="vllm",
        model_args={"pretrained": "a/b", "limit_mm_per_prompt": {"image": 2}, "enforce_eager": True},
        tasks=("mme", "pope"),
        include_path=("folder",),
        datasets={"x": "/d/x"},
        limit=0.5,
        offset=3,
        num_fewshot=2,
        gen_kwargs={"temperature": 0.5, "until": ["\n", "a,b"]},
        apply_chat_template=True,
        fewshot_as_multiturn=True,
        system_instruction="Be brief, please.",
        prompt_profile="qwen2_vl",
        use_cache=tmp_path / "cache",
        cache_requests=True,
        rewrite_requests_cache=True,
        output_path=tmp_path / "out",
        log_samples=False,
        layout="lm-eval",
        seed=5,
        fewshot_seed=6,
        repeats=3,
        predict_only=True,
        reasoning_tags=(("<a>", "</a>"), ("<b>", "</b>")),
        bootstrap_iters=7,
        window=8,
        shuffle_seed=9,
        on_error="fail",
        trust_remote_code=True,
    )
    saved, *_ = replace(RESULTS, config=plain_config(settings)).save(tmp_path / "saved")
    assert 0 == main(["--config", str(saved)])
    assert settings == evaluation.settings
