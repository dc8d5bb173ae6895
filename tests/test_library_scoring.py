"""How the library's benchmarks read answers: a vector for each rule, with the place where the rule stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.request import Response
from fasteval.models.replay import ReplayEngine
from tests.library import Benchmark, library_module, picture, vectors
from tests.library_choices import AI2D
from tests.library_words import DOCVQA, GQA, INFOVQA

if TYPE_CHECKING:
    from pathlib import Path

LETTERS = library_module("_parsing.letters")


@vectors(
    "mmstar",
    "realworldqa",
    "videomme",
    source="the order of forms in lmms-eval 0.7.3's mcq_extract.py",
)
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("B", "B"),
        ("B", "B. A dog"),  # begins the answer
        ("C", "Not A but C"),  # ends it
        ("C", "Let me see. The answer is C, of course"),
        ("B", "The answer is (B) rather than something"),
        ("D", "It could be (A) or even (D), I think"),  # the last one of a form
        ("A", "So A: it is, said Bob"),
        ("B", "option B) fits"),
        ("D", "I think D fits"),
        ("C", "xCx"),  # any letter at all
        ("B", "答案是B"),
        ("", "none"),
        ("", ""),
        ("", "..."),
        ("A", "Apple. A"),
        ("", "E"),  # not an option
    ],
)
def test_a_letter_is_found_in_its_surest_form(expected: str, answer: str) -> None:
    assert expected == LETTERS.extract_letter(answer)


@vectors("pope", "pope_adv", "pope_pop", "pope_random", source="evaluate.py of github.com/AoiDragon/POPE")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("yes", "Yes."),
        ("yes", "yes"),
        ("no", "No, there is no dog"),
        ("no", "There is not. Yes"),
        ("yes", "Yes. There is no cat."),  # only the first sentence
        ("yes", "I know nothing"),  # words, not parts of words
        ("yes", "NO"),  # the program knows two spellings
        ("yes", ""),  # and everything else is a yes
    ],
)
def test_pope_looks_for_a_negation_in_the_first_sentence(expected: str, answer: str) -> None:
    assert expected == library_module("pope.utils").parse_answer(answer)


@vectors("pope", "pope_adv", "pope_pop", "pope_random", source="arXiv:2305.10355 §4.1")
def test_pope_counts_yes_as_positive() -> None:
    utils = library_module("pope.utils")
    # Three answers are "yes", two of them rightly, of three questions whose answer is yes.
    pairs = [("yes", "yes"), ("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no")]
    assert pytest.approx(2 / 3) == utils.precision(pairs) == utils.recall(pairs) == utils.f1_score(pairs)
    assert 0.0 == utils.f1_score([("yes", "no")])


def test_pope_takes_the_share_of_yes_from_the_answers() -> None:
    utils = library_module("pope.utils")
    values = utils.process_results({"answer": "no"}, ["Yes."])
    assert (1.0, 0.0) == (values["pope_yes_ratio"], values["pope_accuracy"])


@vectors("mmstar", source="arXiv:2403.20330 table 3: a capability is the mean of its subcategories")
def test_mmstar_weighs_subcategories_alike() -> None:
    items = [{"l2_category": "a", "score": 1.0}, *([{"l2_category": "b", "score": 0.0}] * 3)]
    assert 0.5 == library_module("mmstar.utils").mean_of_subcategories(items)


@vectors(
    "realworldqa",
    source="letters where the right answer is one, else the whole answer: its data card",
)
@pytest.mark.parametrize(
    ("expected", "target", "answer"),
    [
        (1.0, "B", "B. Right"),
        (0.0, "B", "Right"),
        (1.0, "2", " 2. "),
        (0.0, "2", "two"),
        (1.0, "Downhill", "downhill"),
        (0.0, "Yes", "yes, it is"),
    ],
)
def test_realworldqa_reads_letters_and_words(expected: float, target: str, answer: str) -> None:
    got = library_module("realworldqa.utils").process_results({"answer": target}, [answer])
    assert {"exact_match": expected} == got


@vectors("scienceqa_img", source="llava/eval/eval_science_qa.py of github.com/haotian-liu/LLaVA")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (1.0, "B"),
        (1.0, "b"),
        (1.0, "B. fire"),
        (1.0, " B.\n"),
        (0.0, "b. fire"),
        (0.0, "(B)"),
        (0.0, "A. ice"),
        (0.0, ""),
    ],
)
def test_scienceqa_reads_a_letter(expected: float, answer: str) -> None:
    doc = {"choices": ["ice", "fire"], "answer": 1}
    assert {"exact_match": expected} == library_module("scienceqa.utils").process_results(doc, [answer])


@vectors("chartqa", source="arXiv:2203.10244 §5.1: numbers within 5 %, other texts exactly")
@pytest.mark.parametrize(
    ("expected", "answer", "target"),
    [
        (True, "105", "100"),
        (True, "95", "100"),
        (False, "105.1", "100"),
        (True, "-98", "-100"),
        (False, "100", "-100"),
        (True, "41%", "40%"),
        (True, "0.4", "40%"),
        (False, "40", "40%"),
        (True, "0", "0"),  # nothing is within 5 % of zero but its own text
        (False, "0.0", "0"),
        (True, "blue", "Blue"),
        (False, "blue.", "Blue"),
        (False, "100 dollars", "100"),
        (False, "%", "1"),
        (False, "", "1"),
    ],
)
def test_chartqa_allows_numbers_five_percent(expected: bool, answer: str, target: str) -> None:
    assert expected is library_module("chartqa.utils").is_right(answer, target)


@vectors("ocrbench", source="arXiv:2305.07895 §3: the answer has to contain one of the right ones")
@pytest.mark.parametrize(
    ("expected", "dataset", "answer", "targets"),
    [
        (1.0, "IIIT5K", "The word is Centre.", ["CENTRE"]),
        (0.0, "IIIT5K", "cent re", ["CENTRE"]),
        (1.0, "docVQA", "12\nMay", ["no", "12 may"]),
        (1.0, "ReCTS", "\uff2e\uff4f\uff0e\u3000\uff11", ["no. 1"]),  # full-width forms
        (1.0, "HME100k", "a = b", ["a=b"]),
        (0.0, "HME100k", "A=b", ["a=b"]),  # case counts in formulas
    ],
)
def test_ocrbench_looks_for_a_right_answer_in_the_reply(
    expected: float, dataset: str, answer: str, targets: list[str]
) -> None:
    doc = {"dataset": dataset, "question_type": "Handwriting Recognition", "answer": targets}
    values: dict[str, Any] = library_module("ocrbench.utils").process_results(doc, [answer])
    assert {"ocrbench_accuracy": expected, "ocrbench_text_recognition": expected} == values


@vectors("vqav2_val", "textvqa_val", source="the evaluation program at visualqa.org")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("dog", "A Dog."),
        ("2", "two"),
        ("0", "none"),
        ("2.5", "2.5"),  # a full stop before a digit stays
        ("1000", "1,000"),
        ("t shirt", "t-shirt"),  # a mark within becomes a space
        ("black white", "black - white"),  # one beside a space goes
        ("yes no", "yes/no"),
        ("don't", "dont"),
        ("couldn't've", "couldnt've"),
        ("us", "U.S."),
        ("", "the"),
    ],
)
def test_vqa_answers_are_made_alike(expected: str, answer: str) -> None:
    assert expected == library_module("_parsing.vqa").normalise(answer)


@vectors(
    "vqav2_val",
    "textvqa_val",
    source="arXiv:1505.00468 §5: min(1, n/3), the mean over nine of ten people",
)
@pytest.mark.parametrize(("expected", "people"), [(0.0, 0), (0.3, 1), (0.6, 2), (0.9, 3), (1.0, 4), (1.0, 10)])
def test_vqa_accuracy_asks_for_three_of_nine_people(expected: float, people: int) -> None:
    targets = ["yes"] * people + ["no"] * (10 - people)
    assert expected == pytest.approx(library_module("_parsing.vqa").vqa_accuracy("yes", targets))


def test_vqa_accuracy_does_not_change_the_document() -> None:
    doc = {"answers": ["The Dog."] * 10}
    for _ in range(2):
        assert {"exact_match": 1.0} == library_module("textvqa.utils").process_results(doc, ["dog"])
    assert {"answers": ["The Dog."] * 10} == doc


def test_textvqa_can_show_the_tokens_of_a_reader() -> None:
    doc = {"question": "what IS it?", "ocr_tokens": ["a", "b"]}
    options = {"pre_prompt": "", "post_prompt": " Answer:", "ocr": True}
    assert "What is it?\nReference OCR token: a, b Answer:" == library_module("textvqa.utils").doc_to_text(doc, options)


@vectors("seedbench", source="arXiv:2307.16125: the answer is the first character")
@pytest.mark.parametrize(("expected", "answer"), [(1.0, "B"), (1.0, "b) two"), (0.0, "(B)"), (0.0, "")])
def test_seedbench_reads_the_first_character(expected: float, answer: str) -> None:
    doc = {"answer": "B", "data_type": "video"}
    assert {"seed_video": expected, "seed_all": expected} == library_module("seedbench.utils").process_results(
        doc, [answer]
    )


@vectors(
    "mmbench_en_dev",
    "mmbench_en_dev_static",
    source="can_infer of VLMEvalKit, then lmms-eval's extractor",
)
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("B", "B"),
        ("B", "I say B here now"),
        ("C", "A dog or C. whatever"),  # "A" in a sentence is an article
        ("D", "(D)."),
        ("A", "It is a Dog"),
        ("", "dog cat"),  # two options
        ("C", "it must be option C)"),
        ("", "nan"),
        ("", ""),
    ],
)
def test_mmbench_reads_letters_and_options(expected: str, answer: str) -> None:
    options = {"A": "dog", "B": "cat", "C": "tree", "D": "sky"}
    assert expected == library_module("mmbench.utils").chosen_option(answer, options)


@vectors("mmbench_en_dev", "mmbench_en_dev_static", source="arXiv:2307.06281 §4.2 (CircularEval)")
def test_mmbench_wants_all_rotations_right() -> None:
    items = [
        {"index": 1, "score": 1.0},
        {"index": 1_000_001, "score": 1.0},
        {"index": 2, "score": 1.0},
        {"index": 2_000_002, "score": 0.0},
        {"index": 3_000_003, "score": 0.0},  # its first form was not evaluated
    ]
    assert 50.0 == library_module("mmbench.utils").circular_accuracy(items)


def test_mmbench_has_no_option_that_is_not_there() -> None:
    utils = library_module("mmbench.utils")
    doc = {"index": 5, "answer": "A", "A": "banana", "B": "dog", "C": "nan", "D": None}
    assert 1.0 == utils.process_results(doc, ["a banana"])["gpt_eval_score"]["score"]


@vectors("mmvp", source="lmms-eval 0.7.3, tasks/mmvp/utils.py; the benchmark itself asks GPT-4")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("A", "A"),
        ("B", "(b)"),
        ("A", "a. Open"),
        ("B", "I think the answer is (B), not A"),
        ("A", "Option A is right"),
        ("B", "it is B"),
        ("A", "Ajar!"),  # the first character
        ("", "Closed!"),
        ("", ""),
    ],
)
def test_mmvp_reads_one_of_two_letters(expected: str, answer: str) -> None:
    assert expected == library_module("mmvp.utils").parse_answer(answer)


@vectors("mmvp", source="arXiv:2401.06209 §3.2: a pair counts if both are right")
def test_mmvp_counts_whole_pairs() -> None:
    items = [{"pair": pair, "score": score} for pair, score in ((0, 1.0), (0, 1.0), (1, 1.0), (1, 0.0), (2, 1.0))]
    assert 0.5 == library_module("mmvp.utils").pair_accuracy(items)


@vectors("mmmu_val", source="parse_multi_choice_response in eval_utils.py of github.com/MMMU-Benchmark/MMMU")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("B", "B"),
        ("B", "B."),
        ("C", "Either (A) or (C)"),
        ("A", "A is better than something"),
        ("B", "A or B or so"),  # the last one
        ("B", "I choose:B. red"),
        ("D", "what swims in this picture is a Blue Whale"),  # by the option's text, in more than five words
    ],
)
def test_mmmu_reads_an_option(expected: str, answer: str) -> None:
    options = {"A": "dog", "B": "red cat", "C": "1.5", "D": "blue whale"}
    assert expected == library_module("mmmu.parsing").parse_choice(answer, options, seed="x")


def test_mmmu_guesses_by_the_document_alone() -> None:
    parse = library_module("mmmu.parsing").parse_choice
    options = dict.fromkeys("ABCD", "?")
    guesses = [parse("no idea", options, seed=f"document {number}") for number in range(400)]
    assert guesses == [parse("something else", options, seed=f"document {number}") for number in range(400)]
    assert all(70 < guesses.count(letter) < 130 for letter in options)


@vectors("mmmu_val", source="parse_open_response and eval_open in the same file")
@pytest.mark.parametrize(
    ("expected", "answer", "target"),
    [
        # The first three are what lmms-eval calls wrong.
        (True, "24", "24"),
        (True, "The result is 12.5", "12.5"),
        (True, "It is a blue whale.", "blue whale"),
        (True, "x = 1,234", "1234"),
        (True, "about 3.14159", "3.14"),  # two decimals count
        (True, "so 5 + 7 = 12", "12"),
        (False, "The answer is 25", "24"),
        (False, "whale", "blue whale"),
        (False, "cab", "b"),  # a lone letter wants a space beside it
        (True, "it is vitamin b ", "vitamin b"),
        (False, "", "24"),
    ],
)
def test_mmmu_reads_open_answers(expected: bool, answer: str, target: str) -> None:
    assert expected is library_module("mmmu.parsing").open_answer_is_right(answer, [target])


def test_mmmu_takes_any_of_several_right_answers() -> None:
    utils = library_module("mmmu.utils")
    doc = {"id": "validation_Electronics_3", "question_type": "open", "answer": "['6.28', '8']", "options": "[]"}
    assert {"mmmu_acc": 1.0, "mmmu_acc_tech_and_engineering": 1.0} == utils.process_results(doc, ["8"])
    interval = doc | {"answer": "[-1, x]"}
    assert 1.0 == utils.process_results(interval, ["[-1, x]"])["mmmu_acc"]


def test_mmmu_shows_a_picture_wherever_it_is_mentioned() -> None:
    texts = {"question": "<image 2> or <image 1>, <image 2>?", "question_type": "open", "options": "[]"}
    doc = texts | {f"image_{number}": picture(number) for number in (1, 2)}
    options = {"open_ended_prompt": "Say it."}
    (message,) = library_module("mmmu.utils").doc_to_messages(doc, options)
    shown = [part.get("text") or part["url"].getpixel((0, 0))[0] for part in message["content"]]
    assert [2, "or", 1, ",", 2, "?\n\nSay it."] == shown


@vectors("refcoco_bbox_rec", source="arXiv:1608.00272 §5: intersection over union, by custom above one half")
@pytest.mark.parametrize(
    ("expected", "box"),
    [
        (1.0, [0.0, 0.0, 0.5, 0.5]),
        (0.5, [0.0, 0.0, 0.5, 0.25]),
        (0.25, [0.0, 0.0, 1.0, 1.0]),
        (1 / 7, [0.25, 0.25, 0.75, 0.75]),
        (0.0, [0.5, 0.5, 1.0, 1.0]),
        (0.0, [0.5, 0.5, 0.0, 0.0]),  # borders exchanged
        (0.0, [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_refcoco_compares_areas(expected: float, box: list[float]) -> None:
    utils = library_module("refcoco.utils")
    assert expected == pytest.approx(utils.intersection_over_union([0.0, 0.0, 0.5, 0.5], box))


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ([0.1, 0.2, 0.3, 1.0], "The box is [0.1, 0.2,0.3,  1]"),
        ([0.0, -1.0, 2.0, 3.5], "[1, 2, 3] [ 0,-1, 2, 3.5 ] [1, 1, 1, 1]"),
        ([0.0, 0.0, 0.0, 0.0], "(0.1, 0.2, 0.3, 0.4)"),
    ],
)
def test_refcoco_reads_the_first_four_numbers_in_brackets(expected: list[float], answer: str) -> None:
    assert expected == library_module("refcoco.utils").parse_box(answer)


def test_refcoco_asks_for_each_sentence_of_a_region() -> None:
    import datasets

    features = {"image": datasets.Image(), "answer": [datasets.Value("string")], "bbox": [datasets.Value("float32")]}
    docs = [
        {"image": picture(number), "answer": sentences, "bbox": [0.0, 0.0, 4.0, 4.0]}
        for number, sentences in enumerate([["a", "b"], [], ["c"]])
    ]
    data = datasets.Dataset.from_list(docs, features=datasets.Features(features))
    exploded = library_module("refcoco.utils").one_row_a_sentence(data)
    assert ["a", "b", "c"] == exploded["answer"][:]
    pictures = [row["image"]["bytes"] for row in exploded]
    assert pictures[0] == pictures[1] != pictures[2]


@vectors("blink", source="lmms-eval 0.7.3, tasks/blink/utils.py")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("A", "A."),
        ("B", "(b)"),
        ("B", "The correct answer is (B)."),
        ("C", "Answer: A? No, the answer is C because"),
        ("B", "(A) is wrong, so (B)"),
        ("A", "A it is"),
        ("A", "another"),
        ("", "The dog"),
        ("", "D"),
        ("", ""),
    ],
)
def test_blink_reads_a_letter_among_the_options(expected: str, answer: str) -> None:
    assert expected == library_module("blink.utils").extract_letter(answer, "ABC")


def score(benchmark: Benchmark, folder: Path, answer: str) -> dict[str, float]:
    """Returns the metrics of the first document for an answer: filters and metrics are the task file's own."""
    engine = ReplayEngine(lambda request: Response(texts=(answer,), finish_reason="stop"))
    return dict(benchmark.evaluate(benchmark.write(folder), engine, limit=1).tasks[benchmark.task].metrics)


@vectors("ai2d", source="lmms-eval 0.7.3, tasks/ai2d: flexible-extract, then exact match without case and marks")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [(1.0, "A"), (1.0, "a"), (1.0, "A."), (1.0, "(A)"), (1.0, "A. stem"), (0.0, "B"), (0.0, "root"), (0.0, "")],
)
def test_ai2d_reads_a_letter_or_an_options_text(tmp_path: Path, expected: float, answer: str) -> None:
    assert {"exact_match,flexible-extract": expected} == score(AI2D, tmp_path, answer)


@vectors("gqa", source="eval.py of GQA (arXiv:1902.09506): the answer itself; lmms-eval ignores case and marks")
@pytest.mark.parametrize(
    ("expected", "answer"), [(1.0, "yes"), (1.0, "Yes."), (1.0, "YES"), (0.0, "no"), (0.0, "yes it is"), (0.0, "")]
)
def test_gqa_wants_the_whole_answer(tmp_path: Path, expected: float, answer: str) -> None:
    assert {"exact_match,none": expected} == score(GQA, tmp_path, answer)


@vectors("docvqa_val", "infovqa_val", source="arXiv:1905.13648 §5 (ANLS): 1 - distance / length, 0 below one half")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (1.0, "12.50"),
        (1.0, " $12.50 "),  # the best of the right answers
        (5 / 6, "$12.5"),
        (4 / 6, "$12.99"),
        (0.0, "$99.99"),
        (0.0, ""),
    ],
)
@pytest.mark.parametrize("benchmark", [DOCVQA, INFOVQA], ids=lambda benchmark: benchmark.task)
def test_anls_forgives_a_part_of_the_letters(
    tmp_path: Path, benchmark: Benchmark, expected: float, answer: str
) -> None:
    assert pytest.approx(expected) == score(benchmark, tmp_path, answer)["anls,none"]
