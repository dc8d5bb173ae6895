"""Faults of lmms-eval that `--compat` puts into the scoring: what each does, and that nothing else is touched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.cli import main
from fasteval.comparison import ComparisonOptions, compare_runs
from fasteval.errors import IncomparableError, TaskFileError, UnknownNameError, UsageError
from fasteval.evaluation import RunSettings
from fasteval.evaluation.rescore import rescore
from fasteval.models.replay import ReplayEngine
from fasteval.results.saved import read_run
from fasteval.tasks import TaskManager
from fasteval.tasks.peerfaults import faults_of
from tests import library_text, library_words
from tests.task_folders import write

if TYPE_CHECKING:
    from fasteval.results.model import Results
    from fasteval.tasks import ConfigurableTask

LMMS_EVAL = "lmms-eval"
POPE = next(one for one in library_words.BENCHMARKS if one.task == "pope")
FOLDER = """
dataset_path: json
test_split: test
doc_to_text: question
doc_to_target: answer
"""


def load(name: str, **options: Any) -> ConfigurableTask:
    return TaskManager(**options).load_task_or_group(name)[name]


def scores(name: str, answer: Any, doc: dict[str, Any], *, compat: str | None) -> dict[str, Any]:
    """Returns each metric of a task over one document and its answer."""
    task = load(name, compat=compat)
    ((filtered,),) = [pipeline.apply([[answer]], [doc]) for pipeline in task.filters()]
    values = task.process_results(doc, [filtered])
    return {metric: aggregate([values[metric]]) for metric, aggregate in task.aggregation().items() if metric in values}


def both(name: str, metric: str, answer: Any, doc: dict[str, Any]) -> tuple[Any, Any]:
    """Returns a metric by the benchmark's rules, and as lmms-eval has it."""
    by_rules, compat = (scores(name, answer, doc, compat=mode)[metric] for mode in (None, LMMS_EVAL))
    return by_rules, compat


@pytest.mark.parametrize(
    ("expected", "metric", "answer", "target"),
    [
        ((1.0, 0.0), "pope_accuracy", "Yes.", "yes"),
        ((1.0, 1.0), "pope_accuracy", " YES ", "yes"),
        ((1.0, 0.0), "pope_accuracy", "no, there is none", "no"),
        ((0.0, 0.0), "pope_accuracy", "Yes.", "no"),
        ((1.0, 0.0), "pope_precision", "Yes.", "yes"),
        ((1.0, 1.0), "pope_precision", "yes", "yes"),
        ((1.0, 0.0), "pope_recall", "Yes.", "yes"),
        ((1.0, 0.0), "pope_f1_score", "Yes.", "yes"),
        ((0.0, 1.0), "pope_yes_ratio", "no", "yes"),
        ((1.0, 0.0), "pope_yes_ratio", "yes", "no"),
    ],
)
def test_pope_to_the_letter(expected: tuple[float, float], metric: str, answer: str, target: str) -> None:
    assert expected == both("pope", metric, answer, {"answer": target})


def test_pope_to_the_letter_leaves_other_answers_out_of_recall() -> None:
    task = load("pope", compat=LMMS_EVAL)
    answers = [("yes", "yes"), ("no", "yes"), ("Yes.", "yes"), ("perhaps", "yes")]
    values = [task.process_results({"answer": target}, [answer])["pope_recall"] for answer, target in answers]
    assert 1 / 2 == task.aggregation()["pope_recall"](values)


@pytest.mark.parametrize(
    ("expected", "answer", "target"),
    [
        ((1.0, 0.0), "It is 24.", "['24', '25']"),
        ((1.0, 1.0), "It is 24.", "24"),
        ((0.0, 0.0), "It is 12.", "['24', '25']"),
    ],
)
def test_mmmu_one_right_answer(expected: tuple[float, float], answer: str, target: str) -> None:
    doc = {"id": "validation_Math_1", "question_type": "open", "options": "[]", "answer": target}
    assert expected == both("mmmu_val", "mmmu_acc", answer, doc)


def test_mmmu_one_right_answer_rounds_to_five_decimals() -> None:
    by_rules, compat = (load("mmmu_val", compat=mode).aggregation()["mmmu_acc"] for mode in (None, LMMS_EVAL))
    assert (1 / 3, 0.33333) == (by_rules([1.0, 0.0, 0.0]), compat([1.0, 0.0, 0.0]))


def test_ocrbench_out_of_1000() -> None:
    doc = {"question_type": "Doc-oriented VQA", "dataset": "x", "answer": ["ten"]}
    assert (1.0, 0.001) == both("ocrbench", "ocrbench_accuracy", "It is ten.", doc)


@pytest.mark.parametrize(
    ("expected", "answer"),
    # The second one names its letter, so that no text is looked for.
    [((100.0, 0.0), "a banana"), ((100.0, 100.0), "B. a banana"), ((0.0, 0.0), "a dog")],
)
def test_mmbench_nan_is_an_option(expected: tuple[float, float], answer: str) -> None:
    doc = {"index": 1, "answer": "B", "A": "dog", "B": "banana", "C": "nan", "D": "nan"}
    assert expected == both("mmbench_en_dev_static", "gpt_eval_score", answer, doc)


def test_least_likely_choice(tmp_path: Path) -> None:
    benchmark = library_text.ARC
    copies = {benchmark.path: str(benchmark.write(tmp_path))}
    tasks = [load("arc_challenge", datasets=copies, compat=mode) for mode in (None, LMMS_EVAL)]
    logprobs = [[(-1.0, False)], [(-9.0, False)], [(-5.0, False)], [(-5.0, False)]]
    found = []
    for task in tasks:
        doc = task.docs[0]
        found.append(task.process_results(doc, task.filters()[0].apply(logprobs, [doc] * 4)))
    assert [{"acc": 1.0, "acc_norm": 1.0}, {"acc": 0.0, "acc_norm": 0.0}] == found


@pytest.mark.parametrize("name", ["truthfulqa_mc2", "gsm8k", "mme", "chartqa"])
def test_a_task_without_a_known_fault_is_scored_as_ever(name: str) -> None:
    by_rules, compat = (load(name, compat=mode).config for mode in (None, LMMS_EVAL))
    assert {LMMS_EVAL: []} == compat.compat
    assert by_rules.to_dict() == {key: value for key, value in compat.to_dict().items() if key != "compat"}
    assert by_rules.code_digest() == compat.code_digest()


@pytest.mark.parametrize("name", ["pope", "mmmu_val", "ocrbench", "mmbench_en_dev_static", "arc_challenge"])
def test_nothing_of_a_fault_is_in_a_task_that_is_loaded_without(name: str) -> None:
    config = load(name).config
    assert {} == config.compat
    assert not [one for functions in config.functions().values() for one in functions if "scoring." in one.name]


def test_every_fault_is_in_a_task_of_the_library_and_in_the_page() -> None:
    manager = TaskManager(compat=LMMS_EVAL)
    names = ["pope*", "mmmu_val", "ocrbench", "mmbench_en_dev_static", "seedbench_ppl"]
    found = {name for task in manager.load_task_or_group(names).values() for name in task.config.compat[LMMS_EVAL]}
    page = (Path(__file__).parent.parent / "docs" / "faults_of_lmms_eval.md").read_text("utf-8")
    assert set(faults_of(LMMS_EVAL)) == found
    assert set(faults_of(LMMS_EVAL)) <= set(re.findall(r"`(\w+)`", page))


# Runs.


def says_yes(_: EngineRequest) -> Response:
    return Response(texts=("Yes.",), finish_reason="stop")


def run(folder: Path, **options: Any) -> Results:
    """Returns the results of POPE with a model that says "Yes." to everything; three of five are right."""
    engine = ReplayEngine(says_yes, fingerprint="yes")
    copies = {POPE.path: str(POPE.write(folder / "data"))}
    return fasteval.evaluate(engine, "pope", datasets=copies, use_cache=folder / "cache", bootstrap_iters=0, **options)


def test_results_say_which_faults_are_in_them(tmp_path: Path) -> None:
    results = run(tmp_path, compat=LMMS_EVAL, output_path=tmp_path / "out")
    saved = read_run(tmp_path / "out")
    assert 0.0 == results.tasks["pope"].metrics["pope_accuracy,none"]
    assert {LMMS_EVAL: ["pope_to_the_letter"]} == saved.tasks["pope"].config["compat"]
    assert LMMS_EVAL == saved.facts["config"]["resolved_cli_args"]["compat"]


def test_an_answer_of_either_mode_is_known_to_the_other_and_a_report_is_not(tmp_path: Path) -> None:
    modes = (None, LMMS_EVAL, None, LMMS_EVAL)
    runs = [run(tmp_path, compat=mode) for mode in modes]
    assert [0.6, 0.0, 0.6, 0.0] == [one.tasks["pope"].metrics["pope_accuracy,none"] for one in runs]
    assert [5, 0, 0, 0] == [one.statistics.sent for one in runs]


def test_a_saved_run_can_be_scored_again_with_the_faults(tmp_path: Path) -> None:
    original = run(tmp_path, output_path=tmp_path / "out")
    again = rescore(read_run(tmp_path / "out"), compat=LMMS_EVAL)
    both_modes = [one.tasks["pope"].metrics["pope_accuracy,none"] for one in (original, again)]
    assert [0.6, 0.0] == both_modes
    assert LMMS_EVAL == again.config["compat"]


def test_a_run_with_a_fault_is_not_compared_with_one_without(tmp_path: Path) -> None:
    for name, mode in (("a", None), ("b", LMMS_EVAL)):
        run(tmp_path, compat=mode, output_path=tmp_path / name)
    with pytest.raises(IncomparableError, match=r"pope: other scoring: process_results .*utils.* and .*scoring\.pope"):
        compare_runs(read_run(tmp_path / "a"), [read_run(tmp_path / "b")], ComparisonOptions())


def test_an_unknown_harness_is_refused_with_the_nearest_known_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownNameError, match="unknown harness 'lmms_eval': did you mean 'lmms-eval'"):
        RunSettings(model="replay", tasks=("pope",), compat="lmms_eval")
    with pytest.raises(UnknownNameError, match="did you mean 'lmms-eval'"):
        TaskManager(compat="lmm-eval")
    assert 2 == main(["--model", "replay", "--tasks", "pope", "--compat", "lmms_eval"])
    assert "did you mean 'lmms-eval'" in capsys.readouterr().err


@pytest.mark.parametrize("compat", [None, LMMS_EVAL])
@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (
            "unknown fault of lmms-eval 'ocrbench_out_of_100': did you mean 'ocrbench_out_of_1000'?",
            "{lmms-eval: [ocrbench_out_of_100]}",
        ),
        ("unknown harness 'lm-eval': did you mean 'lmms-eval'?", "{lm-eval: [ocrbench_out_of_1000]}"),
        ("expected a list of faults by harness", "[ocrbench_out_of_1000]"),
        ("unknown fault of lmms-eval 'least_likely_choice'", "{lmms-eval: [least_likely_choice]}"),  # all have it
    ],
)
def test_a_task_file_that_names_no_known_fault_is_refused(
    tmp_path: Path, expected: str, value: str, compat: str | None
) -> None:
    write(tmp_path, {"a.yaml": f"task: a{FOLDER}compat: {value}\n"})
    with pytest.raises(TaskFileError, match=re.escape(f"a.yaml:6: compat: {expected}")):
        load("a", include_path=tmp_path, compat=compat)


def test_a_task_of_ones_own_can_name_a_fault(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": f"task: a{FOLDER}compat: {{lmms-eval: [pope_to_the_letter]}}\n"})
    task = load("a", include_path=tmp_path, compat=LMMS_EVAL)
    assert {LMMS_EVAL: ["pope_to_the_letter"]} == task.config.compat
    assert 0.0 == task.process_results({"answer": "yes"}, ["Yes."])["pope_accuracy"]


@pytest.mark.parametrize(("made", "asked"), [(None, LMMS_EVAL), (LMMS_EVAL, None)])
def test_a_task_object_is_evaluated_in_the_mode_that_it_was_loaded_with(made: str | None, asked: str | None) -> None:
    task = load("pope", compat=made)
    with pytest.raises(UsageError, match="the task 'pope' was loaded with compat="):
        fasteval.evaluate(ReplayEngine(says_yes), task, compat=asked, no_cache=True)
