"""Names that foreign task code imports: what they do, what they refuse, and that nothing heavy comes with them."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval import compat
from fasteval.compat.azure import build_client, has_endpoint_support
from fasteval.compat.extractors import StripReasoningExtractor
from fasteval.compat.filters import ExtendedRegexFilter, MapFilter, RegexFilter
from fasteval.compat.letters import extract_mcq_answer
from fasteval.compat.mediafiles import resolve_media_reference
from fasteval.compat.metrics import anls, levenshtein_distance, metric_max_over_ground_truths
from fasteval.compat.mmmu import (
    get_multi_choice_info,
    parse_jmmmu_multi_choice_response,
    parse_jmmmu_pro_multi_choice_response,
    parse_mmmu_multi_choice_response,
    parse_videommmu_multi_choice_response,
)
from fasteval.compat.names import SUPPLIED
from fasteval.compat.openai import OpenAI
from fasteval.compat.points import parse_point2d
from fasteval.compat.reasoning import compute_score, extract_anwser_tag, extract_boxed_answer, format_reward, parse_mcq
from fasteval.compat.reasoningtasks import make_reasoning_doc_to_messages, make_reasoning_process_results
from fasteval.compat.speech import EvaluationTokenizer, compute_wer, remove_sp
from fasteval.compat.submissions import generate_submission_file
from fasteval.compat.templates import load_default_template_yaml
from fasteval.compat.tracker import GeneralConfigTracker
from fasteval.compat.utils import general_detokenize, resolve_cache_dir, sanitize_model_name, weighted_f1_score
from fasteval.compat.verifiers import VerificationPipeline, Verifier, VerifyResult
from fasteval.compat.videofiles import get_cache_dir, get_video
from fasteval.compat.vqa import EvalAIAnswerProcessor
from fasteval.errors import UnsupportedError
from tests.test_architecture import loaded_after

OPTIONS = {"A": "a red cat", "B": "a dog", "C": "two birds"}


def test_all_names_together_import_nothing_heavy() -> None:
    code = "import importlib\nfrom pathlib import Path\nfrom fasteval import compat\ncompat.add_root(Path('nowhere'))\n"
    code += f"for name in {sorted(SUPPLIED)!r}:\n    importlib.import_module(name)\n"
    heavy = {"torch", "transformers", "vllm", "datasets", "math_verify", "sacrebleu", "openai", "sklearn"}
    loaded = loaded_after(code)
    assert set() == heavy & loaded
    assert set(SUPPLIED) <= loaded


@pytest.mark.parametrize("ours", sorted({ours for names in SUPPLIED.values() for ours in names}))
def test_every_supplied_name_is_there(ours: str) -> None:
    module = importlib.import_module(ours)
    assert all(getattr(module, name) is not None for name in module.__all__)


@pytest.mark.parametrize(
    ("expected", "reply"),
    [
        ("B", "The correct answer is (B)."),
        ("C", "(A) is wrong, so (C) it must be"),
        ("D", "D"),
        ("B", "B. a dog"),
        ("A", "I pick A because of x"),
        ("", "no letters here"),
        ("", "  "),
    ],
)
def test_the_letter_of_a_reply(expected: str, reply: str) -> None:
    assert expected == extract_mcq_answer(reply)


@given(st.text("ABC(). ", max_size=20))
def test_a_letter_is_one_of_the_choices_or_nothing(reply: str) -> None:
    assert extract_mcq_answer(reply, ["A", "B"]) in ("A", "B", "")


@pytest.mark.parametrize(
    ("expected", "reply"),
    [
        ("B", "(A) or (B)"),
        ("C", "C"),
        ("A", "It is A."),
        ("B", "I think that it must be a dog"),
    ],
)
def test_mmmu_s_rules(expected: str, reply: str) -> None:
    assert expected == parse_mmmu_multi_choice_response(reply, list("ABC"), OPTIONS)


def test_mmmu_s_draw_depends_on_the_reply_alone() -> None:
    draws = [parse_mmmu_multi_choice_response("no idea", list("ABC"), OPTIONS) for _ in range(5)]
    assert [draws[0]] * 5 == draws


def test_the_rules_of_mmmu_s_relatives() -> None:
    assert (OPTIONS, ["A", "B", "C"]) == get_multi_choice_info(list(OPTIONS.values()))
    assert "B" == parse_jmmmu_multi_choice_response("答えはBです", list("ABC"), OPTIONS)
    assert "C" == parse_jmmmu_pro_multi_choice_response("A. 赤\nB. 青\n正解は【Ｃ】", list("ABC"))  # noqa: RUF001 - wide letters
    assert "X" == parse_jmmmu_pro_multi_choice_response("", list("ABC"))
    assert "B" == parse_videommmu_multi_choice_response("A. no\nB. yes", list("ABC"), OPTIONS)
    assert "No Answer Found." == parse_videommmu_multi_choice_response("?", list("ABC"), OPTIONS)
    assert "API Error" == parse_videommmu_multi_choice_response("", list("ABC"), OPTIONS)


@pytest.mark.parametrize(
    ("expected", "reply"),
    [
        ("42", "<think>x</think><answer>42</answer>"),
        ("4{2}", r"so \boxed{1} and then \boxed{4{2}}"),
        ("204", "We add.\nThe answer is 204."),
        ("", "nothing"),
    ],
)
def test_the_answer_in_a_reply_with_reasoning(expected: str, reply: str) -> None:
    assert expected == extract_anwser_tag(reply)


def test_an_unfinished_box_is_none() -> None:
    assert "" == extract_boxed_answer(r"\boxed{1")


@pytest.mark.parametrize(
    ("expected", "reply"),
    [(1.0, "<think>a</think> <answer>b</answer>"), (1.0, r"\boxed{3}"), (0.8, "x = 1 + 2, " * 6 + "\n3"), (0.0, "b")],
)
def test_the_reward_for_the_format(expected: float, reply: str) -> None:
    assert expected == format_reward(reply)


def test_the_first_of_equally_sure_letters_counts() -> None:
    assert "A" == parse_mcq("x (A) y (B) z")


def test_a_reply_s_score_is_nine_tenths_answer_and_one_tenth_format() -> None:
    scores = compute_score("any", "<think>…</think><answer>B</answer>", "B")
    assert (1.0, 1.0, "B") == (scores["score"], scores["acc_score"], scores["predict_str"])


def test_different_texts_are_never_called_wrong_without_the_package_that_can_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(UnsupportedError, match="needs the package 'math_verify': pip install math_verify"):
        compute_score("any", "<answer>1/2</answer>", "0.5")


def test_functions_of_a_reasoning_task() -> None:
    messages = make_reasoning_doc_to_messages(lambda doc: ["picture"], lambda doc, options: " Why? ")({})
    assert ["system", "user"] == [message["role"] for message in messages]
    assert [{"type": "image", "url": "picture"}, {"type": "text", "text": "Why?"}] == messages[1]["content"]
    score = make_reasoning_process_results("any", lambda doc, options: "Why?", metrics_prefix="m_")
    assert {"m_acc_score": 1.0, "m_format_score": 1.0} == score({"answer": "B"}, [r"\boxed{B}", r"\boxed{(B)}"])


@pytest.mark.parametrize(
    ("expected", "answer"),
    [("2 dogs", "The two dogs."), ("don't", "dont"), ("1000", "1,000"), ("red white", "red/white"), ("0", "none")],
)
def test_vqa_s_normal_form(expected: str, answer: str) -> None:
    assert expected == EvalAIAnswerProcessor()(answer)


def test_points_are_pixels() -> None:
    assert [[50, 100], [25, 50]] == parse_point2d('{"point_2d": [500, 500]} or (0.25, 0.25)', 100, 200).tolist()


def test_word_errors_are_over_the_references_words() -> None:
    assert 0.25 == compute_wer(["a b", "c d"], ["a b", "c , x"], "en")
    assert 0.5 == compute_wer(["ab"], ["ax"], "zh", char_languages=["zh"])
    assert "hello, you" == remove_sp("<|en|> hello , you", "en")
    assert "a b" == EvaluationTokenizer("none", punctuation_removal=True).tokenize("a , b")


def test_small_functions_of_the_foreign_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "/somewhere")
    assert "/somewhere/x" == resolve_cache_dir("$PLACE/x", "/base")
    assert "/base/x" == resolve_cache_dir("x", "/base")
    assert "b__c" == sanitize_model_name("a/b/c")
    assert "don't (x)." == general_detokenize("do n't ( x ) .")
    assert pytest.approx(0.8222222) == weighted_f1_score([(0, 0), (1, 1), (1, 1), (0, 1), (2, 2), (2, 2)])
    assert 1 == levenshtein_distance("cat", "cut")
    assert {"anls": 1.0} == anls(["Cat"], [["cat"]])
    assert 2.0 == metric_max_over_ground_truths(lambda answer, truth: len(truth), "x", ["a", "bb"])
    assert "p/m" == GeneralConfigTracker._get_model_name("a=1,pretrained=p/m,dtype=half")


def test_files_of_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = generate_submission_file("x.json", SimpleNamespace(output_path=str(tmp_path)))
    assert str(tmp_path / "submissions" / "x.json") == path
    assert (tmp_path / "submissions").is_dir()
    (tmp_path / "_default_template_yaml").write_text("a: 1\nb: !function utils.f\n")
    assert {"a": 1} == load_default_template_yaml(tmp_path / "utils.py")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    videos = tmp_path / "set" / "videos"
    videos.mkdir(parents=True)
    (videos / "7.MP4").touch()
    assert str(videos) == get_cache_dir({"dataset_kwargs": {"cache_dir": "set"}})
    assert str(videos / "7.MP4") == get_video(str(videos), 7)
    assert str(videos / "7.MP4") == resolve_media_reference("7", cache_dir="set")
    assert "8.mp4" == resolve_media_reference("8.mp4", cache_dir="set")
    assert "https://x/8.mp4" == resolve_media_reference("https://x/8.mp4")
    with pytest.raises(FileNotFoundError, match="the video is at none of"):
        get_video(str(videos), 8)


def test_filters_that_tasks_derive_from_wait_for_all_documents() -> None:
    assert [False] * 3 == [cls.per_document for cls in (RegexFilter, ExtendedRegexFilter, MapFilter)]
    extended = ExtendedRegexFilter(ignore_case=True, ignore_punctuation=True, regexes_to_ignore=["the "])
    assert "cat" == extended.filter_ignores("the Cat!")
    assert "(A)" == extended.find_match(RegexFilter("x|y").regex, "x", {"x": "(A)"})
    assert not extended.find_match(RegexFilter("x").regex, "z")


def test_a_pipeline_extracts_and_then_verifies() -> None:
    class Equal(Verifier):
        def verify(self, question: str, prediction: str, ground_truth: str, **kwargs: object) -> VerifyResult:
            return VerifyResult(float(prediction == ground_truth), prediction == ground_truth)

    result = VerificationPipeline([StripReasoningExtractor()], Equal())("?", "<think>x</think> yes", "yes")
    assert result.is_correct
    assert {"raw_prediction": "<think>x</think> yes", "extracted_prediction": "yes"} == result.metadata


def test_what_cannot_be_done_is_refused_when_it_is_asked_for_and_not_before() -> None:
    client = OpenAI(api_key="x")
    assert not has_endpoint_support()
    with pytest.raises(UnsupportedError, match="pip install openai"):
        client.chat.completions.create(model="judge")
    with pytest.raises(UnsupportedError, match="no such module"):
        build_client()


def test_everything_can_be_taken_out_again(tmp_path: Path) -> None:
    compat.add_root(tmp_path)
    assert importlib.import_module("lmms_eval.utils").resolve_cache_dir is resolve_cache_dir
    compat.remove_all()
    assert not [name for name in sys.modules if name.partition(".")[0] in ("lmms_eval", "lm_eval")]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("lmms_eval.utils")


def test_what_transformers_imports_of_sklearn_is_there_for_models_that_are_loaded_after_a_folder() -> None:
    from fasteval.compat import sklearnmetrics

    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.origin is not None
    sources = [path.read_text("utf-8") for path in Path(spec.origin).parent.glob("*/**/*.py")]
    names = {
        name.strip()
        for source in sources
        for line in re.findall(r"^\s*from sklearn\.metrics import (.+)$", source, re.MULTILINE)
        for name in line.split(",")
    }
    assert names
    assert names <= set(sklearnmetrics.__all__)
