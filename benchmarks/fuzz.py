"""Feeds whatever people and other programs write to the parsers; only a `FastEvalError` may come out.

    python -m benchmarks.fuzz --minutes 10
    python -m benchmarks.fuzz --minutes 10 --only task_file --only model_args

Inputs are made by hypothesis: from pieces that mean something to the parser, and from right inputs with bytes changed.
What fails is made small and printed, with the error. The tests run the same targets with fixed seeds.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fasteval.api.arguments import parse_arguments
from fasteval.api.request import Response
from fasteval.cache import ResponseCache, default_folder
from fasteval.cache.entries import damage, exported_lines
from fasteval.cache.maintenance import statistics
from fasteval.errors import FastEvalError
from fasteval.gate import read_policy
from fasteval.models.checkpoint.chat_template import ChatTemplate
from fasteval.models.create import resolve_model
from fasteval.models.sampling import SamplingParameters
from fasteval.results.saved import read_run
from fasteval.safety.yaml_loader import load_yaml
from fasteval.tasks import TaskManager
from fasteval.tasks.scan import scan_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from fasteval.api.instance import Instance

__all__ = ["TARGETS", "Target"]

_EXAMPLES_A_ROUND = 500
_LIBRARY = Path(__file__).parent.parent / "tasks"


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test.

    Attributes:
        inputs: what it is fed with.
        check: feeds one input; returns if it was understood or refused with a `FastEvalError`.
    """

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def _mutated(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Returns right inputs with a few places overwritten, cut out, doubled, or filled with something else."""
    place = st.floats(0, 1, exclude_max=True)
    pieces = st.binary(max_size=8) | st.sampled_from(_PIECES).map(lambda text: text.encode("utf-8", "surrogatepass"))
    edits = st.lists(st.tuples(place, st.integers(0, 20), pieces), min_size=1, max_size=6)

    def change(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
        for where, length, piece in edits:
            start = int(where * (len(data) + 1))
            data = data[:start] + piece + data[start + length :]
        return data

    return st.builds(change, whole, edits)


_PIECES = [
    *"[]{}()<>:,-?&*!|>%@`'\"#=\\/~ \n\t\r", "\n  ", "\n- ", ": ", "{{", "}}", "{%", "%}", "&a ", "*a", "<<: *a",
    "!!int ", "!!map ", "!!timestamp ", "!!float ", "!!binary ", "!!set ", "!!omap ", "!!str ", "!function ",
    "!function utils.load", "null", "true", "~", "1e999", "-0x_", "0b2", "9" * 5000, "2001-13-41", "1:99:99", ".inf",
    ".nan", "\ud800", "\x00", "\x85", "\u2028", "\ufeff", "---", "...", "%YAML 1.1", "task", "task: x", "group: x",
    "tag: ", "include: ", "class: ", "metric_list", "filter_list", "doc_to_text", "output_type", "generate_until",
    "generation_kwargs", "until", "repeats", "dataset_path", "json", "dataset_kwargs", "test_split", "process_docs",
    "metadata", "version", "fewshot_config", "num_fewshot", "temperature", "max_new_tokens", "do_sample", "stop",
    "seed", "n", "top_p", "1e30", "pretrained", "nan", "inf", "None", "-1", "1e400", "[1,2", '{"a":', "'", '"',
]  # fmt: skip
_texts = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=25).map("".join)
_task_files = st.sampled_from([path.read_bytes() for path in sorted(_LIBRARY.rglob("*.yaml"))])


def _task_file(data: bytes) -> None:
    """Finds, loads and checks a task, without its data."""
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        path = Path(folder) / "fuzzed.yaml"
        path.write_bytes(data)
        (Path(folder) / "utils.py").write_text("def load(*_, **__):\n    return {'test': [{'q': 'a'}]}\n")
        scan_file(path)
        manager = TaskManager(folder)
        for name in manager.names_below(Path(folder)):
            try:
                manager.load_task_or_group([name])
            except FastEvalError:
                continue


def _yaml(data: bytes) -> None:
    try:
        load_yaml(data)
    except yaml.YAMLError:
        return


def _model_args(text: str) -> None:
    """Goes as far as a run goes before it starts the engine."""
    source = resolve_model("demo", parse_arguments(text), cache_folder=default_folder())
    source.open(_no_instance, {}).fingerprint()


def _no_instance(row: int, *, is_simple: bool) -> Instance:
    raise AssertionError(f"row {row} was asked for, simple: {is_simple}")


def _gen_kwargs(text: str) -> None:
    options = SamplingParameters.from_generation_kwargs(parse_arguments(text))
    options.canonical()


_model_names = [
    "dtype",
    "seed",
    "max_model_len",
    "chat_template",
    "revision",
    "pretrained",
    "max_num_seqs",
    "limit_mm",
    "x",
]
_texts_of_values = st.sampled_from(["auto", "{}", "[1]", "true", "none", "../..", "/", "."]) | st.sampled_from(_PIECES)
_assignments = st.lists(
    st.tuples(st.sampled_from(_model_names), _texts_of_values | st.integers().map(str) | st.floats().map(str)).map(
        "=".join
    ),
    max_size=4,
).map(",".join)
_names = [
    "temperature",
    "top_p",
    "top_k",
    "max_new_tokens",
    "until",
    "stop",
    "seed",
    "do_sample",
    "num_beams",
    "n",
    "x",
]
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
_values = _scalars | st.lists(_scalars, max_size=2) | st.dictionaries(st.text(max_size=2), _scalars, max_size=2)
_options = st.dictionaries(st.sampled_from(_names), _values)


def _options_of_a_task(options: dict[str, Any]) -> None:
    SamplingParameters.from_generation_kwargs(options).canonical()


def _cache_lines() -> bytes:
    """Returns the lines of a small cache as it is on disk."""
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        with ResponseCache.open(Path(folder)) as cache:
            for number in range(4):
                cache.append(bytes([number]) * 16, Response(texts=(f"text {number}",), finish_reason="stop"))
            cache.append(b"\xff" * 16, Response(logprob=float("-inf"), is_greedy=False, prompt_tokens=3))
        return b"".join(path.read_bytes() for path in sorted(Path(folder).rglob("*.jsonl")))


def _cache(data: bytes) -> None:
    """Opens a cache with the lines, looks everything up and writes to it: what is found is what was once written."""
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        (Path(folder) / "0.jsonl").write_bytes(data)
        with ResponseCache.open(Path(folder)) as cache:
            for number in range(4):
                found = cache.get(bytes([number]) * 16)
                if found is not None and found.texts != (f"text {number}",):
                    raise AssertionError(f"a damaged line was taken for an answer: {found}")
            cache.append(b"\xaa" * 16, Response(texts=("new",)))
        list(damage(Path(folder)))
        statistics(Path(folder))
        list(exported_lines(Path(folder)))
        with ResponseCache.open(Path(folder)) as cache:
            if cache.get(b"\xaa" * 16) is None:
                raise AssertionError("what was written behind damaged lines is not found")


def _chat_template(source: str) -> None:
    from fasteval.api.prompt import Prompt, user_message

    ChatTemplate(source, {"bos_token": "<s>"}).render(Prompt(messages=[user_message("hi", with_visuals=False)]))


_RESULTS = b"""{"results": {"t": {"alias": "t", "acc,none": 0.5, "acc_stderr,none": 0.1, "samples": 2}},
"configs": {"t": {"task": "t"}}, "versions": {"t": 1}, "n-shot": {"t": 0}, "higher_is_better": {"t": {"acc": true}},
"n-samples": {"t": {"original": 2, "effective": 2}}, "config": {"model": "x"}, "date": "20260101_000000"}"""
_SAMPLES = b"""{"doc_id": 0, "doc": {}, "target": "a", "resps": [["a"]], "filtered_resps": ["a"], "acc": 1}
{"doc_id": 1, "doc": {}, "target": "a", "resps": [["b"]], "filtered_resps": ["b"], "acc": 0}
"""


_POLICY = b"""confidence: 0.95
defaults: {level: critical, max_drop: 0.02}
tasks:
  mme: {metric: "acc,none", floor: 0.5, max_truncated: 0.01}
  pope: {level: advisory, ceiling: 3}
"""


def _policy(data: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        path = Path(folder) / "gate.yaml"
        path.write_bytes(data)
        read_policy(path)


def _saved_run(files: tuple[bytes, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        path = Path(folder) / "20260101_000000_results.json"
        path.write_bytes(files[0])
        (Path(folder) / "20260101_000000_samples_t.jsonl").write_bytes(files[1])
        read_run(path)


#: By name: everything that is read from people, other programs, or an earlier run.
TARGETS: dict[str, Target] = {
    "yaml": Target(_texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | _mutated(_task_files), _yaml),
    "task_file": Target(
        _mutated(_task_files) | _texts.map(lambda text: f"task: x\n{text}".encode("utf-8", "surrogatepass")), _task_file
    ),
    "model_args": Target(_texts | _assignments, _model_args),
    "gen_kwargs": Target(_texts, _gen_kwargs),
    "generation_kwargs": Target(_options, _options_of_a_task),
    "cache_lines": Target(_mutated(st.builds(_cache_lines)), _cache),
    "chat_template": Target(_texts, _chat_template),
    "policy": Target(_mutated(st.just(_POLICY)), _policy),
    "saved_run": Target(
        st.tuples(_mutated(st.just(_RESULTS)), _mutated(st.just(_SAMPLES)) | st.just(_SAMPLES)), _saved_run
    ),
}


def check(target: Target, value: Any) -> None:
    """Feeds one input; raises whatever is no `FastEvalError`."""
    try:
        target.check(value)
    except FastEvalError:
        return


def _run(target: Target, seconds: float) -> tuple[int, str]:
    """Returns how many inputs were tried, and the first failure that was found, made small, as text."""
    count = 0

    def count_and_check(value: Any) -> None:
        nonlocal count
        count += 1
        check(target, value)

    options = settings(
        max_examples=_EXAMPLES_A_ROUND,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    until, round_number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        round_number += 1
        try:
            seed(round_number)(options(given(target.inputs)(count_and_check)))()
        except Exception:  # noqa: BLE001 - finding it is what this program is for
            return count, traceback.format_exc()
    return count, ""


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="Minutes a target.")
@click.option("--only", type=click.Choice(list(TARGETS)), multiple=True, help="Only this target; may be repeated.")
def main(minutes: float, only: tuple[str, ...]) -> None:
    """Fuzzes the parsers. Exit code 1 if anything but a FastEvalError came out."""
    logging.disable()  # warnings of broken files by the thousand
    os.environ["HF_HUB_OFFLINE"] = "1"  # names of checkpoints are not asked for
    failed = 0
    with tempfile.TemporaryDirectory(prefix="fasteval-fuzz-") as folder:
        os.environ["FASTEVAL_CACHE"] = folder
        for name in only or TARGETS:
            count, failure = _run(TARGETS[name], minutes * 60)
            click.echo(f"{name}: {count:,} inputs, {'FAILED' if failure else 'nothing but errors in words'}")
            click.echo(failure, nl=bool(failure))
            failed += bool(failure)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
