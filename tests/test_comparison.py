"""Two runs side by side: what is paired, what is refused, what the output says."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from fasteval.cli import main
from fasteval.comparison import Comparison, ComparisonOptions, PairedScores, compare_runs, markdown, print_comparison
from fasteval.errors import IncomparableError, SavedResultsError, UnknownNameError, UsageError
from fasteval.results.saved import read_run
from tests.saved_runs import run, saved, task, write_lines, write_lm_eval, write_lmms_eval

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.comparison import TaskComparison
    from fasteval.results.saved import SavedRun

# 60 documents: 20 wrong in the base; the candidate gets 3 of them right and 11 of the others wrong.
BASE = [0.0] * 20 + [1.0] * 40
CANDIDATE = [1.0] * 3 + [0.0] * 17 + [0.0] * 11 + [1.0] * 29


def compared(base: SavedRun, *candidates: SavedRun, **options: Any) -> Comparison:
    return compare_runs(base, candidates, ComparisonOptions(**options))


def only(comparison: Comparison) -> TaskComparison:
    (task,) = comparison.tasks
    return task


# Numbers.


def test_right_and_wrong_documents_are_compared_by_mcnemars_exact_test() -> None:
    main_score = only(compared(saved({"t": BASE}), saved({"t": CANDIDATE}))).main
    assert ("mcnemar", 60, 3, 11) == (main_score.method, main_score.count, main_score.gained, main_score.lost)
    assert (40 / 60, 32 / 60, -8 / 60) == pytest.approx((main_score.base, main_score.candidate, main_score.difference))
    assert stats.binomtest(3, 14).pvalue == pytest.approx(main_score.p_value) == pytest.approx(main_score.adjusted)
    assert main_score.low < -8 / 60 < main_score.high


def test_documents_about_one_image_are_drawn_together() -> None:
    config = {"config": {"cluster_key": "image_id"}}
    rng = np.random.default_rng(3)
    base = np.repeat(rng.integers(0, 2, 60), 5).astype(float)
    candidate = np.repeat(rng.integers(0, 2, 60), 5).astype(float)
    clustered = only(compared(saved({"t": base.tolist()}, **config), saved({"t": candidate.tolist()}, **config))).main
    alone = only(compared(saved({"t": base.tolist()}), saved({"t": candidate.tolist()}))).main
    assert ("bootstrap", 60, None) == (clustered.method, clustered.clusters, alone.clusters)
    assert clustered.mcnemar == alone.p_value
    # Five equal answers are one: as wide as 60 documents are, not 300.
    few = PairedScores(base[::5], candidate[::5])
    assert few.clusters.standard_error == pytest.approx((clustered.high - clustered.low) / 2 / 1.99, rel=0.05)


def test_scores_between_right_and_wrong_are_compared_by_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(200)
    candidate = base + rng.normal(0.05, 0.2, 200)
    main_score = only(compared(saved({"t": base.tolist()}), saved({"t": candidate.tolist()}))).main
    expected = stats.ttest_rel(candidate, base)
    assert ("bootstrap", None) == (main_score.method, main_score.mcnemar)
    assert expected.pvalue == pytest.approx(main_score.p_value, abs=0.005)
    assert tuple(expected.confidence_interval()) == pytest.approx((main_score.low, main_score.high), abs=0.004)


def test_where_hardly_a_document_differs_the_interval_does_not_pretend_to_know() -> None:
    scores = np.linspace(0, 1, 50)
    equal = PairedScores(scores, scores)
    assert ("sign", 1.0) == (equal.method, equal.p_value)
    low, high = equal.interval(0.95)
    assert (-0.071, 0.071) == pytest.approx((low, high), abs=0.001)  # 1 - 0.025 ** (1 / 50)
    clustered = PairedScores(scores, scores, np.repeat(np.arange(5), 10))
    assert math.sqrt(10) / 10 * (1 - 0.025 ** (1 / 5)) == pytest.approx(clustered.interval(0.95)[1])


def test_a_few_clusters_are_not_called_certain_because_they_agree() -> None:
    base, candidate = np.zeros(40), np.zeros(40)
    candidate[:10] = 1.0
    few = PairedScores(base, candidate, np.repeat(np.arange(8), 5))
    assert "sign" == few.method
    assert stats.binomtest(2, 2).pvalue == few.p_value
    low, high = few.interval(0.95)
    assert low < 0
    assert 0.25 < high


def test_a_run_that_gets_everything_wrong_is_worse_without_any_spread() -> None:
    scores = PairedScores(np.ones(100), np.zeros(100), np.repeat(np.arange(20), 5))
    assert ("bootstrap", (-1.0, -1.0)) == (scores.method, scores.interval(0.95))
    assert scores.p_value < 0.001
    shifted = PairedScores(np.full(30, 0.3), np.full(30, 0.7))
    assert (0.4, 0.4) == pytest.approx(shifted.interval(0.95))
    assert shifted.p_value < 0.001


def test_each_category_is_compared() -> None:
    result = only(compared(saved({"t": BASE}), saved({"t": CANDIDATE})))
    assert ("kind", ["kind 0", "kind 1", "kind 2"]) == (result.category_column, [c.name for c in result.categories])
    assert [20, 20, 20] == [category.count for category in result.categories]
    assert (3, 11) == (sum(c.gained for c in result.categories), sum(c.lost for c in result.categories))
    assert () == tuple(only(compared(saved({"t": BASE}), saved({"t": BASE}), category="")).categories)


def test_holms_correction_covers_the_tasks_and_the_candidates() -> None:
    base, worse = saved({"a": BASE, "b": BASE}), saved({"a": CANDIDATE, "b": BASE})
    comparison = compared(base, worse, base)
    p_value = comparison.tasks[0].main.p_value
    assert 4 * p_value == pytest.approx(comparison.tasks[0].main.adjusted)
    assert ["no difference found"] * 4 == [entry.main.verdict(0.05) for entry in comparison.tasks]
    assert "worse" == compared(saved({"a": BASE}), saved({"a": CANDIDATE}), alpha=0.1).tasks[0].main.verdict(0.1)


def test_where_lower_is_better_a_smaller_score_is_better() -> None:
    direction = {"higher_is_better": {"exact_match": False}}
    result = only(compared(saved({"t": [1.0] * 30}, **direction), saved({"t": [0.0] * 30}, **direction)))
    assert "better" == result.main.verdict(0.05)


def test_a_value_that_is_not_the_mean_of_the_documents_is_shown_beside_it() -> None:
    changes = {"metrics": {"exact_match,none": 0.9}}
    assert (0.9, 0.9) == only(compared(saved({"t": BASE}, **changes), saved({"t": BASE}, **changes))).main.reported
    assert only(compared(saved({"t": BASE}), saved({"t": BASE}))).main.reported is None


def test_a_metric_without_a_number_for_each_document_is_named_and_left_out() -> None:
    changes = {"metrics": {"exact_match,none": 0.5, "f1,none": 0.4}}
    result = only(compared(saved({"t": BASE}, **changes), saved({"t": BASE}, **changes)))
    assert ["f1,none"] == list(result.not_compared)
    assert "f1,none" in markdown(compared(saved({"t": BASE}, **changes), saved({"t": BASE}, **changes)))


# Pairs.


def test_flipped_documents_are_listed_with_both_answers() -> None:
    flips = only(compared(saved({"t": BASE}), saved({"t": CANDIDATE}))).flips
    assert [*range(3), *range(20, 31)] == [flip.doc_id for flip in flips]
    lost = flips[3]
    assert (1.0, 0.0, ["answer 20"], ["no 0.0"]) == (lost.base, lost.candidate, lost.base_answer, lost.candidate_answer)
    assert ("Question 20?", "answer 20", "kind 2") == (lost.prompt, lost.target, lost.category)


def test_only_documents_that_both_runs_scored_are_paired() -> None:
    base = saved({"t": [*BASE, 1.0, 1.0]})
    candidate = saved({"t": [None, *CANDIDATE[1:]]})
    result = only(compared(base, candidate))
    assert (59, (3, 0), (0, 1)) == (result.main.count, result.unpaired, result.errors)


def test_a_task_that_one_run_lacks_is_named() -> None:
    comparison = compared(saved({"a": BASE, "b": BASE}), saved({"a": BASE}))
    assert ["b: not in the candidate run"] == list(comparison.skipped)
    with pytest.raises(SavedResultsError, match="nothing to compare: a: not in the candidate run"):
        compared(saved({"a": BASE}), saved({"b": BASE}))


def test_unknown_names_offer_the_nearest() -> None:
    base = saved({"t": BASE})
    with pytest.raises(UnknownNameError, match="metric 'exact_mach': did you mean 'exact_match'"):
        compared(base, base, metric="exact_mach")
    with pytest.raises(UnknownNameError, match="category column 'kinds': did you mean 'kind'"):
        compared(base, base, category="kinds")
    with pytest.raises(UsageError, match="--alpha must lie between 0 and 1"):
        compared(base, base, alpha=5)


# What cannot be compared.


def changed_documents() -> SavedRun:
    results = run({"t": BASE})
    documents = [*results.tasks["t"].documents]
    (sample,) = documents[4].samples
    documents[4] = replace(documents[4], samples=[replace(sample, doc={**sample.doc, "question": "Other?"})])
    from fasteval.results.saved import saved_form

    return saved_form(replace(results, tasks={"t": replace(results.tasks["t"], documents=documents)}))


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (saved({"t": BASE}, prompt="Please: {number}"), "t: other prompts: 60 of 60 documents have another prompt"),
        (saved({"t": BASE}, n_shot=5), "t: other prompts: few-shot examples 0 and 5"),
        (saved({"t": BASE}, version=2), "t: other scoring: version 1 and 2"),
        (saved({"t": BASE}, config={"code_digest": "1"}), 't: other scoring: code_digest none and "1"'),
        (saved({"t": BASE}, config={"metric_list": []}), "t: other scoring: metric_list"),
        (saved({"t": BASE}, config={"generation_kwargs": {"max_new_tokens": 9}}), "t: other generation"),
        (changed_documents(), r"t: other data: 1 of 60 documents has another content \(document 4\)"),
    ],
)
def test_runs_that_differ_in_more_than_the_model_are_refused(candidate: SavedRun, expected: str) -> None:
    with pytest.raises(IncomparableError, match=expected):
        compared(saved({"t": BASE}), candidate)
    forced = compared(saved({"t": BASE}), candidate, force=True)
    assert 1 == len(forced.forced)
    assert "NOT COMPARABLE, compared by force: t: other" in markdown(forced).replace("\\", "")


def test_another_chat_template_belongs_to_the_model_and_is_a_note() -> None:
    base, other = saved({"t": BASE}), saved({"t": BASE})
    other = replace(other, facts={**other.facts, "chat_template_sha": "1"})
    assert ["the models have different chat templates"] == list(compared(base, other).notes)


# Files.


def test_a_saved_run_is_read_back_from_its_folder_its_file_or_its_samples(tmp_path: Path) -> None:
    results_file, samples_file = run({"a/b": BASE}).save(tmp_path)
    expected = saved({"a/b": BASE}).tasks["a/b"]
    for path in (tmp_path, results_file):
        assert expected == read_run(path).tasks["a/b"]
    alone = read_run(samples_file)
    assert ("fasteval", ["a__b"]) == (alone.program, list(alone.tasks))
    assert expected.samples == alone.tasks["a__b"].samples


def test_the_newest_results_of_a_folder_count(tmp_path: Path) -> None:
    import os

    old, _ = run({"t": BASE}).save(tmp_path)
    new, _ = run({"t": CANDIDATE}).save(tmp_path)
    os.utime(old, (1, 1))
    assert str(new) == read_run(tmp_path).path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.json", "{", "not JSON"),
        ("x.json", "[]", "holds no object"),
        ("x.json", "{}", "no table 'results'"),
        ("x.jsonl", "", "no samples in this file"),
        ("x.jsonl", '{"doc_id": 1}\n{"a": 2}', "x.jsonl:2: not a sample"),
        ("x.jsonl", '{"doc_id": 1}\n{', "x.jsonl:2: not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SavedResultsError, match=expected):
        read_run(tmp_path / name)
    with pytest.raises(SavedResultsError, match="no results file in this folder"):
        read_run(tmp_path)


def test_lmms_evals_files_are_compared(tmp_path: Path) -> None:
    base, candidate = write_lmms_eval(tmp_path / "a", "t", BASE), write_lmms_eval(tmp_path / "b", "t", CANDIDATE)
    assert "lmms-eval" == read_run(base).program
    main_score = only(compared(read_run(base), read_run(candidate))).main
    assert ("exact_match,none", 3, 11) == (main_score.name, main_score.gained, main_score.lost)


def test_lm_evals_files_are_compared_filter_by_filter(tmp_path: Path) -> None:
    base, candidate = write_lm_eval(tmp_path / "a", "t", BASE), write_lm_eval(tmp_path / "b", "t", CANDIDATE)
    assert "lm-eval" == read_run(base).program
    result = only(compared(read_run(base), read_run(candidate), metric="exact_match,flexible"))
    assert (3, 11, "subject") == (result.main.gained, result.main.lost, result.category_column)
    assert ["exact_match,strict"] == [other.name for other in result.others]


def test_another_programs_samples_are_paired_with_fastevals(tmp_path: Path) -> None:
    theirs = write_lmms_eval(tmp_path, "t", CANDIDATE)
    comparison = compared(saved({"t": BASE}), read_run(theirs))
    assert (3, 11) == (only(comparison).main.gained, only(comparison).main.lost)
    assert "written by fasteval and lmms-eval" in comparison.notes


def test_other_prompts_of_another_program_are_found(tmp_path: Path) -> None:
    theirs = write_lm_eval(tmp_path, "t", BASE)
    with pytest.raises(IncomparableError, match=r"few-shot examples 0 and 5.*generation_kwargs"):
        compared(saved({"t": BASE}), read_run(theirs))


# The output.


def test_answers_cannot_write_markup_into_the_page() -> None:
    results = run({"t": BASE})
    evil = "<img src=x>|`**@team\x1b[2J"
    documents = [
        replace(document, samples=[replace(sample, filtered_resps=[evil]) for sample in document.samples])
        for document in run({"t": CANDIDATE}).tasks["t"].documents
    ]
    from fasteval.results.saved import saved_form

    other = saved_form(replace(results, tasks={"t": replace(task("t", CANDIDATE), documents=documents)}))
    text = markdown(compared(saved({"t": BASE}), other))
    assert "<img" not in text
    assert "\x1b" not in text
    assert r"&lt;img src=x>\|\`\*\*\@team" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {10, 7} == {line.replace(r"\|", "").count("|") for line in table}


def test_the_table_for_a_terminal_has_the_verdict() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    print_comparison(compared(saved({"t": BASE}), saved({"t": [0.0] * 60})), terminal)
    assert "worse" in terminal.getvalue()


def test_the_command_prints_markdown_json_or_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, candidate = tmp_path / "base", tmp_path / "candidate"
    run({"t": BASE}).save(base)
    run({"t": CANDIDATE}).save(candidate)
    assert 0 == main(["compare", str(base), str(candidate)])
    table = capsys.readouterr().out
    assert 0 == main(["compare", "--markdown", str(base), str(candidate)])
    assert capsys.readouterr().out.startswith(table)
    assert 0 == main(["compare", str(base), str(candidate), "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert ("no difference found", 14) == (facts["tasks"][0]["verdict"], len(facts["tasks"][0]["flips"]))


def test_a_refusal_is_one_line_and_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run({"t": BASE}).save(tmp_path / "base")
    run({"t": BASE}, version=2).save(tmp_path / "candidate")
    assert 1 == main(["compare", str(tmp_path / "base"), str(tmp_path / "candidate")])
    error = capsys.readouterr().err
    assert "--force compares anyway): t: other scoring: version 1 and 2" in error
    assert 1 == error.count("\n")


def test_samples_without_a_results_file_are_compared(tmp_path: Path) -> None:
    lines = [{"doc_id": number, "input": "q", "target": "a", "right": number % 2} for number in range(4)]
    write_lines(tmp_path / "one.jsonl", lines)
    assert 4 == only(compared(read_run(tmp_path / "one.jsonl"), read_run(tmp_path / "one.jsonl"))).main.count
