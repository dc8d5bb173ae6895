"""The demo model on real vLLM: what it answers, what transformers answers, and what must not change a number."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.models.named import NAMED
from tests.test_library_easy_vqa import utils

if TYPE_CHECKING:
    from fasteval.results.model import Results

pytestmark = pytest.mark.engine

CHECKPOINT = Path(str(NAMED["demo"].checkpoint))
N_PARITY = 500


def evaluate(*tasks: str, **options: Any) -> Results:
    options = {"bootstrap_iters": 10, "model_args": "dtype=float32", **options}
    return fasteval.evaluate("demo", list(tasks), **options)


def samples(results: Results, task: str) -> list[dict[str, Any]]:
    """Returns what must not depend on how the run went."""
    return [sample.to_dict() for sample in results.tasks[task].samples]


@pytest.fixture(scope="module")
def answered() -> Results:
    """The first questions, generated and by log-likelihood, in one run without a cache."""
    return evaluate("easy_vqa", "easy_vqa_choices", limit=N_PARITY, no_cache=True)


@pytest.fixture(scope="module")
def reference() -> Any:
    """The same checkpoint in transformers."""
    from fasteval.models.torchvision_repair import repair_torchvision

    repair_torchvision()
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    return model, AutoProcessor.from_pretrained(CHECKPOINT)


@functools.cache
def questions() -> list[dict[str, Any]]:
    docs: list[dict[str, Any]] = utils.load()["test"]
    return docs


def inputs(processor: Any, sample: dict[str, Any], continuation: str = "") -> Any:
    image = questions()[sample["doc_id"]]["image"].convert("RGB")
    return processor(text=[sample["prompt"] + continuation], images=[image], return_tensors="pt")


def test_the_checkpoint_is_small_and_its_accuracy_is_what_its_card_says(answered: Results) -> None:
    assert sum(path.stat().st_size for path in CHECKPOINT.iterdir()) <= 8 * 2**20
    assert answered.tasks["easy_vqa"].metrics["exact_match,none"] >= 0.9
    assert answered.tasks["easy_vqa_choices"].metrics["acc,none"] >= 0.9


def test_transformers_generates_the_same_answers(answered: Results, reference: Any) -> None:
    import torch

    model, processor = reference
    different, near_ties = [], []
    for sample in samples(answered, "easy_vqa"):
        with torch.no_grad():
            output = model.generate(
                **inputs(processor, sample),
                max_new_tokens=8,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
        new = output.sequences[0, -len(output.logits) :]
        text = processor.tokenizer.decode(new, skip_special_tokens=True)
        gaps = [logits[0].topk(2).values for logits in output.logits]
        if min(float(best - second) for best, second in gaps) < 1e-3:
            near_ties.append(sample["doc_id"])
        elif text != sample["resps"][0]:
            different.append((sample["doc_id"], text, sample["resps"]))
    print(f"{N_PARITY} answers compared, near-ties: {near_ties or 'none'}")
    assert [] == different
    assert len(near_ties) <= 5


def test_transformers_gives_the_same_log_likelihoods(answered: Results, reference: Any) -> None:
    import torch

    model, processor = reference
    worst = 0.0
    for sample in samples(answered, "easy_vqa_choices")[:40]:
        for choice, logprob, is_greedy in zip(
            sample["continuations"], sample["logprobs"], sample["is_greedy"], strict=True
        ):
            batch = inputs(processor, sample, choice)
            length = len(processor.tokenizer.encode(choice, add_special_tokens=False))
            with torch.no_grad():
                logits = model(**batch).logits[0, -length - 1 : -1].log_softmax(-1)
            tokens = batch["input_ids"][0, -length:]
            expected = float(logits.gather(1, tokens[:, None]).sum())
            worst = max(worst, abs(expected - logprob) / length)
            assert bool((logits.argmax(-1) == tokens).all()) == is_greedy
    print(f"largest difference: {worst:.2e} a token")
    assert worst < 1e-4


def test_window_order_ranks_and_cache_change_nothing(tmp_path: Path) -> None:
    options: dict[str, Any] = {"limit": 60, "offset": 100, "no_cache": True}
    expected = evaluate("easy_vqa", **options)
    cached = options | {"no_cache": False, "use_cache": tmp_path}
    runs = [
        evaluate("easy_vqa", **options, window=1),
        evaluate("easy_vqa", **options, window=512, shuffle_seed=1),
        evaluate("easy_vqa", **(cached | {"limit": 30})),
        evaluate("easy_vqa", **cached),
        evaluate("easy_vqa", **cached),
    ]
    for run in (*runs[:2], *runs[3:]):
        assert samples(expected, "easy_vqa") == samples(run, "easy_vqa")
        assert expected.tasks["easy_vqa"].metrics == run.tasks["easy_vqa"].metrics
    half, full = runs[3].statistics, runs[4].statistics
    assert (30, 0) == (half.sent, full.sent)
    ranks = [evaluate("easy_vqa", **options, rank=rank, world_size=3) for rank in range(3)]
    merged = sorted(
        itertools.chain.from_iterable(samples(rank, "easy_vqa") for rank in ranks), key=lambda sample: sample["doc_id"]
    )
    assert samples(expected, "easy_vqa") == merged


def test_an_independent_reading_of_the_samples_gives_the_same_numbers(tmp_path: Path) -> None:
    results = evaluate("easy_vqa_choices", "easy_vqa_mme", limit=80, no_cache=True, output_path=tmp_path)
    (choices,), (pairs,) = (
        [
            [json.loads(line) for line in path.read_text().splitlines()]
            for path in tmp_path.rglob(f"*_samples_easy_vqa_{name}.jsonl")
        ]
        for name in ("choices", "mme")
    )
    right = []
    for sample in choices:
        best = max(range(13), key=lambda index: sample["logprobs"][index])
        right.append(sample["continuations"][best].strip() == sample["doc"]["answer"])
    assert sum(right) / len(right) == results.tasks["easy_vqa_choices"].metrics["acc,none"]
    by_pair: dict[str, list[bool]] = {}
    for sample in pairs:
        is_right = sample["resps"][0].strip().lower().rstrip(".") == sample["doc"]["answer"]
        by_pair.setdefault(sample["doc"]["pair"], []).append(is_right)
    metrics = results.tasks["easy_vqa_mme"].metrics
    flat = [is_right for pair in by_pair.values() for is_right in pair]
    assert sum(flat) / len(flat) == metrics["accuracy,none"]
    assert sum(all(pair) for pair in by_pair.values()) / len(by_pair) == metrics["accuracy_plus,none"]


def test_each_picture_is_decoded_once_and_every_counter_is_in_the_results(answered: Results) -> None:
    statistics = answered.statistics
    pictures = len({doc["image_id"] for doc in questions()[:N_PARITY]})
    assert pictures == statistics.counters["images_decoded"]
    assert statistics.sent == statistics.counters["requests"] == statistics.unique_requests
    assert statistics.prompt_tokens > 0
    assert statistics.counters["engine_steps"] > 0
    assert answered.to_dict()["counters"]


def test_mme_from_the_command_line_prints_the_scores_computed_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model sees a blue circle and a red triangle; where `right` is False, the data set's own answer is wrong."""
    import datasets
    from PIL import Image, ImageDraw

    from fasteval.cli import main

    circle, triangle = Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(circle).ellipse((15, 15, 45, 45), fill=(0, 0, 255))
    ImageDraw.Draw(triangle).polygon([(32, 12), (12, 48), (52, 48)], fill=(255, 0, 0))
    images = [
        ("existence", circle, ("blue", "red"), (True, True)),
        ("existence", triangle, ("red", "blue"), (True, False)),
        ("color", triangle, ("red", "green"), (True, True)),
        ("code_reasoning", circle, ("blue", "gray"), (False, True)),
    ]
    rows = []
    for number, (category, image, colors, rights) in enumerate(images):
        for color, truth, right in zip(colors, ("Yes", "No"), rights, strict=True):
            answer = truth if right else {"Yes": "No", "No": "Yes"}[truth]
            question = f"is there a {color} shape? Please answer yes or no."
            rows.append(
                {"question_id": f"{number}.png", "image": image, "question": question, "answer": answer}
                | {"category": category}
            )
    datasets.Dataset.from_list(rows).cast_column("image", datasets.Image()).to_parquet(tmp_path / "test.parquet")
    arguments = ["--model", "qwen2-vl", "--model_args", f"pretrained={CHECKPOINT}", "--tasks", "mme", "--no_cache"]
    assert 0 == main([*arguments, "--dataset", f"lmms-lab-encoder/MME={tmp_path}"])
    table = capsys.readouterr().out
    printed = {line.split("|")[5].strip(): float(line.split("|")[7]) for line in table.splitlines() if "mme_" in line}
    assert {
        "mme_perception_score": (200 + 50) / 2 + 200,
        "mme_existence": (200 + 50) / 2,
        "mme_color": 200.0,
        "mme_cognition_score": 50.0,
        "mme_code_reasoning": 50.0,
    } == printed


def test_a_second_run_starts_no_engine_imports_no_torch_and_gives_identical_results(tmp_path: Path) -> None:
    program = (
        "import sys, fasteval.cli\n"
        "from fasteval.models.host.engine import HostEngine\n"
        "starts = []\n"
        "start = HostEngine.start\n"
        "HostEngine.start = lambda self: (starts.append(1), start(self))[1]\n"
        "code = fasteval.cli.main(sys.argv[1:])\n"
        "heavy = [name for name in ('torch', 'transformers', 'vllm') if name in sys.modules]\n"
        "print(code, len(starts) > 0, heavy, file=sys.stderr)\n"
    )
    files = []
    for number, expected in enumerate(("0 True []", "0 False []")):
        output = tmp_path / str(number)
        arguments = ["--model", "demo", "--tasks", "easy_vqa", "--limit", "50", "--output_path", str(output)]
        command = [sys.executable, "-c", program, *arguments, "--use_cache", str(tmp_path / "cache")]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert expected == result.stderr.splitlines()[-1]
        (path,) = output.rglob("*_results.json")
        (written,) = output.rglob("*_samples_easy_vqa.jsonl")
        files.append((json.loads(path.read_text())["results"], written.read_bytes()))
    assert files[0] == files[1]
