"""Scoring: the metrics of each output type, and the task's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.request import Score
from fasteval.errors import DocumentError, TaskFileError
from tests.task_folders import SHARED, load, make

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.filters import FilterPipeline
    from fasteval.tasks import ConfigurableTask

CHOICES = """
output_type: multiple_choice
doc_to_choice: options
doc_to_target: gold
metric_list:
  [{metric: acc}, {metric: acc_norm}, {metric: exact_match}, {metric: f1}, {metric: mcc}, {metric: brier_score}]
"""
OPTIONS = ["a", "bbbb", "éé"]


def choice_doc(gold: Any) -> dict[str, Any]:
    return {"question": "q", "options": OPTIONS, "gold": gold}


def generating(folder: Path, metrics: str, target: str = "answer", utils: str = "", more: str = "") -> ConfigurableTask:
    return make(folder, f"metric_list: {metrics}\ndoc_to_target: {target}\n{more}", utils)


def test_the_most_probable_choice_is_the_answer(tmp_path: Path) -> None:
    values = make(tmp_path, CHOICES).process_results(choice_doc(1), [(-1.0, False), (-2.0, True), (-3.0, False)])
    assert (0.0, 1.0, 1.0) == (values["acc"], values["acc_norm"], values["exact_match"])
    assert (1, 0) == values["f1"] == values["mcc"]
    gold, probabilities = values["brier_score"]
    weights = [math.exp(-1), math.exp(-2), math.exp(-3)]
    assert 1 == gold
    assert pytest.approx([weight / sum(weights) for weight in weights]) == probabilities


def test_lengths_are_bytes_and_not_characters(tmp_path: Path) -> None:
    # éé has four bytes: -4 / 4 is better than -1.5 / 1, where -4 / 2 would not be.
    values = make(tmp_path, CHOICES).process_results(choice_doc(2), [(-1.5, False), (-9.0, False), (-4.0, False)])
    assert 1.0 == values["acc_norm"]


def scored(metric: str, folder: Path, golds: Any, *results: Score) -> Any:
    """The value of one metric for the choices "a", "bbbb" and "éé"."""
    fields = CHOICES[: CHOICES.index("metric_list")] + f"metric_list: [{{metric: {metric}}}]"
    return make(folder, fields).process_results(choice_doc(golds), list(results))[metric]


def test_a_choice_counts_by_its_tokens_where_asked_for(tmp_path: Path) -> None:
    # -4 / 4 is better than -1.5 / 1 and -9 / 3.
    results = [Score(-1.5, False, 1), Score(-4.0, False, 4), Score(-9.0, False, 3)]
    assert [0.0, 1.0] == [scored("acc_norm_tokens", tmp_path / str(gold), gold, *results) for gold in (0, 1)]


def test_without_numbers_of_tokens_there_is_no_accuracy_by_tokens(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="the model does not tell how many tokens"):
        scored("acc_norm_tokens", tmp_path, 0, *[Score(-1.0, False, 0)] * 3)


def test_what_the_question_makes_more_probable_is_the_answer_by_mutual_information(tmp_path: Path) -> None:
    behind_the_question = [Score(-1.0, False, 1), Score(-3.0, False, 1), Score(-9.0, False, 1)]
    alone = [Score(-1.0, False, 1), Score(-7.0, False, 1), Score(-9.0, False, 1)]
    assert 1.0 == scored("acc_mutual_info", tmp_path, 1, *behind_the_question, *alone)


@pytest.mark.parametrize(("expected", "golds"), [(2.0, 0), (-2.0, 1), (2.0, [0, 2]), (-2.0, [1, 2])])
def test_the_margin_is_between_the_best_right_and_the_best_wrong_choice(
    tmp_path: Path, expected: float, golds: Any
) -> None:
    results = [Score(-1.0, False, 1), Score(-3.0, False, 1), Score(-9.0, False, 1)]
    assert expected == scored("margin", tmp_path, golds, *results)


def test_without_a_wrong_choice_there_is_no_margin(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="every choice is a right one"):
        scored("margin", tmp_path, [0, 1, 2], *[Score(-1.0, False, 1)] * 3)


@pytest.mark.parametrize(("expected", "gold"), [(1.0, 0), (1.0, "a"), (1.0, [2, 0]), (0.0, "bbbb"), (0.0, [1, 2])])
def test_the_right_choice_is_a_number_a_text_or_several(tmp_path: Path, expected: float, gold: Any) -> None:
    results = [(-1.0, False), (-2.0, False), (-3.0, False)]
    assert expected == make(tmp_path, CHOICES).process_results(choice_doc(gold), results)["acc"]


@pytest.mark.parametrize("gold", [3, -1, "c", None, []])
def test_a_right_answer_that_is_no_choice_is_an_error_and_no_zero(tmp_path: Path, gold: Any) -> None:
    with pytest.raises(DocumentError):
        make(tmp_path, CHOICES).process_results(choice_doc(gold), [(-1.0, False)] * 3)


def test_a_missing_log_probability_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="2 log-probabilities for 3 choices"):
        make(tmp_path, CHOICES).process_results(choice_doc(0), [(-1.0, False)] * 2)


@given(st.permutations(range(3)), st.lists(st.floats(-50, 0), min_size=3, max_size=3, unique=True))
def test_the_order_of_the_choices_does_not_matter(order: list[int], logprobs: list[float]) -> None:
    task = load(SHARED, "sums_choices")
    for field, value in (("doc_to_text", "constant!"), ("doc_to_choice", "{{options}}"), ("doc_to_target", "{{gold}}")):
        task.set_config(field, value)

    def accuracy(positions: list[int]) -> float:
        doc = {"options": [OPTIONS[position] for position in positions], "gold": positions.index(1)}
        value: float = task.process_results(doc, [(logprobs[position], False) for position in positions])["acc"]
        return value

    assert accuracy([0, 1, 2]) == accuracy(order)


def test_choices_that_are_questions_are_right_by_number() -> None:
    task = load(SHARED, "winners")
    assert 1.0 == task.process_results(task.docs[0], [(-5.0, False), (-2.0, False)])["acc"]
    assert 0.0 == task.process_results(task.docs[0], [(-1.0, False), (-2.0, False)])["acc"]


def test_a_continuation_has_log_probability_and_greediness(tmp_path: Path) -> None:
    task = make(tmp_path, "output_type: loglikelihood\n")
    assert {"perplexity": -2.5, "acc": 1.0} == task.process_results(task.docs[0], [(-2.5, True)])


@pytest.mark.parametrize("result", [(-6.0, False), -6.0])
def test_a_whole_text_counts_by_words_and_bytes(tmp_path: Path, result: Any) -> None:
    task = make(tmp_path, "output_type: loglikelihood_rolling\n")
    values = task.process_results({"answer": "é two"}, [result])
    assert {"word_perplexity": (-6.0, 2), "byte_perplexity": (-6.0, 6), "bits_per_byte": (-6.0, 6)} == values


def test_generated_text_is_stripped_and_compared(tmp_path: Path) -> None:
    task = make(tmp_path)
    assert {"exact_match": 1.0} == task.process_results(task.docs[0], [" a0\n"])
    assert {"exact_match": 0.0} == task.process_results(task.docs[0], ["A0"])


def test_options_of_a_metric_reach_it(tmp_path: Path) -> None:
    task = generating(tmp_path, "[{metric: exact_match, ignore_case: true, aggregation: mean}]")
    assert {"exact_match": 1.0} == task.process_results(task.docs[0], ["A0"])
    with pytest.raises(TaskFileError, match="unknown option of the metric exact_match 'ignore_cas'"):
        generating(tmp_path, "[{metric: exact_match, ignore_cas: true}]")


def test_one_of_several_right_answers_is_enough_and_anls_sees_all(tmp_path: Path) -> None:
    task = generating(tmp_path, "[{metric: exact_match}, {metric: anls}]", "answers")
    values = task.process_results({"answers": ["x", "yes"]}, ["yes"])
    assert {"exact_match": 1.0, "anls": 1.0} == values


def test_metrics_of_the_folder_are_called_as_registered_ones_are(tmp_path: Path) -> None:
    utils = """
        def overlap(references, predictions, scale=1):
            return scale * len(set(references[0]) & set(predictions[0]))

        def both(references, predictions):
            return {"long": float(len(predictions[0])), "gold": float(len(references[0]))}

        def last(values):
            return values[-1]
        """
    overlap = "{metric: !function utils.overlap, aggregation: !function utils.last, scale: 2}"
    metrics = f"[{overlap}, {{metric: !function utils.both}}]"
    task = generating(tmp_path, metrics, "answers", utils)
    assert {"overlap": 6, "long": 3.0, "gold": 4.0} == task.process_results({"answers": ["ab", "abcd"]}, ["abc"])
    assert 7 == task.aggregation()["overlap"]([1, 7])
    assert {"overlap": True, "both": True} == task.higher_is_better()


def test_several_answers_count_by_their_mean(tmp_path: Path) -> None:
    task = make(tmp_path)
    assert {"exact_match": 0.5} == task.process_results(task.docs[0], [["a0", "x"]])


def test_a_number_as_target_stands_for_a_choice_where_there_are_choices(tmp_path: Path) -> None:
    task = generating(tmp_path, "[{metric: exact_match}]", "number", more="doc_to_choice: [zero, one]\n")
    assert {"exact_match": 1.0} == task.process_results({"number": 1}, ["one"])


def test_no_right_answer_or_no_answer_is_an_error(tmp_path: Path) -> None:
    task = generating(tmp_path, "[{metric: exact_match}]", "answers")
    with pytest.raises(DocumentError, match="there is no right answer"):
        task.process_results({"answers": []}, ["x"])
    with pytest.raises(DocumentError, match="the filters left no answer"):
        task.process_results({"answers": ["x"]}, [[]])


def test_a_task_can_score_itself(tmp_path: Path) -> None:
    utils = """
        def score(doc, results):
            return {"own": (doc["question"], results)}

        def nothing(doc, results):
            pass

        def with_all(doc, results, full_docs):
            return {"own": len(full_docs)}
        """
    metrics = "metric_list: [{metric: own}]\nprocess_results: !function utils."
    task = make(tmp_path, f"{metrics}score\n", utils)
    assert {"own": ("q0", ["a", "b"])} == task.process_results(task.docs[0], [[" a", "b "]])
    with pytest.raises(DocumentError, match="process_results must return a mapping of metrics, got None"):
        make(tmp_path, f"{metrics}nothing\n", utils).process_results({}, ["x"])
    task = make(tmp_path, f"{metrics}with_all\nfull_docs: true\n", utils)
    assert {"own": 5} == task.process_results(task.docs[0], ["x"])


def test_a_task_that_scores_itself_needs_no_target(tmp_path: Path) -> None:
    more = "process_results: !function utils.score\ndoc_to_target:\n"
    task = make(tmp_path, more, "def score(doc, results):\n    return {'a': 1}\n")
    assert task.doc_to_target({}) is None


def test_an_unknown_aggregation_offers_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="unknown aggregation 'maen': did you mean 'mean'"):
        generating(tmp_path, "[{metric: exact_match, aggregation: maen}]")


def test_a_text_of_no_probability_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="log-probability is -inf"):
        make(tmp_path, "output_type: loglikelihood_rolling\n").process_results({"answer": "x"}, [-math.inf])


def test_bypass_has_no_value(tmp_path: Path) -> None:
    task = generating(tmp_path, "[{metric: bypass}]")
    assert {"bypass": None} == task.process_results(task.docs[0], ["x"])


def test_aggregations_with_args_keep_their_signature(tmp_path: Path) -> None:
    import inspect

    utils = "def total(values, args):\n    return args\n"
    task = generating(tmp_path, "[{metric: exact_match, aggregation: !function utils.total}]", utils=utils)
    assert ["values", "args"] == list(inspect.signature(task.aggregation()["exact_match"]).parameters)


def test_the_default_filter_takes_the_first_answer(tmp_path: Path) -> None:
    [pipeline] = make(tmp_path).filters()
    assert "none" == pipeline.name
    assert ["a", "c"] == pipeline.apply([["a", "b"], ["c"]], [{}, {}])


def test_filters_are_named_pipelines_by_name_or_class(tmp_path: Path) -> None:
    utils = """
        class Shout:
            def __init__(self, mark):
                self.mark = mark

            def apply(self, resps, docs):
                return [[answer + self.mark for answer in answers] for answers in resps]
        """
    more = """
        filter_list:
          - name: loud
            filter:
              - {function: !function utils.Shout, mark: "!"}
              - {function: take_first}
          - name: digits
            filter:
              - {function: regex, regex_pattern: "([0-9]+)"}
              - {function: take_first}
        """
    pipelines: list[FilterPipeline] = make(tmp_path, more, utils).filters()
    results = {pipeline.name: pipeline.apply([["a 12"]], [{}]) for pipeline in pipelines}
    assert {"loud": ["a 12!"], "digits": ["12"]} == results


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("unknown filter 'take_frist': did you mean 'take_first'?", "{function: take_frist}"),
        ("the filter take_first_k needs the option 'k'", "{function: take_first_k}"),
    ],
)
def test_a_wrong_filter_says_file_and_line(tmp_path: Path, message: str, step: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        make(tmp_path, f"filter_list: [{{name: x, filter: [{step}]}}]\n")
    assert f"{tmp_path}/plain.yaml:6: filter_list: {message}" == str(caught.value)


def test_what_the_evaluation_reads_are_attributes(tmp_path: Path) -> None:
    more = """
        repeats: 4
        score_key: points
        cluster_key: number
        reasoning_tags: [["<t>", "</t>"]]
        auto_strip_thinking: true
        task_alias: Plain
        num_fewshot: 2
        """
    task = make(tmp_path, more)
    assert (4, "points", "number", [["<t>", "</t>"]], True, "Plain", 2) == (
        task.repeats,
        task.score_key,
        task.cluster_key,
        task.reasoning_tags,
        task.auto_strip_thinking,
        task.alias,
        task.num_fewshot,
    )
