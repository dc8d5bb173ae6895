"""The library's benchmarks without pictures."""

from __future__ import annotations

from pathlib import Path

import fasteval
from tests.library import Benchmark, Row

GSM8K = Benchmark(
    task="gsm8k",
    path="openai/gsm8k",
    config="main",
    split="test",
    features={"question": "string", "answer": "string"},
    rows=[
        Row({"question": question, "answer": f"It is so.\n#### {answer}"}, right, wrong)
        for question, answer, right, wrong in [
            ("How many eggs?", "18", "16 + 2 = 18\n#### 18", "16 + 2 = 18\n#### 19"),
            ("How much money?", "1,200", "So $1200.\n#### 1200", "12"),
            ("How cold?", "-5", "#### -5", "I do not know"),
        ]
    ],
    # Examples that are all alike, as the order in which they are drawn is not the test's.
    more_splits={"train": [{"question": "How many apples?", "answer": "1 + 1 = 2\n#### 2"}] * 6},
    prompt="Question: How many apples?\nAnswer: 1 + 1 = 2\n#### 2\n\n" * 5 + "Question: How many eggs?\nAnswer:",
    kwargs={"until": ["Question:", "</s>", "<|im_end|>"], "do_sample": False, "temperature": 0.0},
)

HELLASWAG = Benchmark(
    task="hellaswag",
    path="Rowan/hellaswag",
    split="validation",
    features=dict.fromkeys(
        ("activity_label", "ctx_a", "ctx_b", "ctx", "source_id", "split", "split_type", "label"), "string"
    )
    | {"ind": "int32", "endings": ["string"]},
    rows=[
        Row(
            {
                "ind": number,
                "activity_label": "Roof shingle removal",
                "ctx_a": f"A man is sitting on roof {number}.",
                "ctx_b": "he",
                "ctx": "A man is sitting on a roof. he",
                "endings": ["is using wrap.", "is ripping tiles.", "[substeps] holds a cube.", "starts pulling."],
                "source_id": "activitynet~v_0",
                "split": "val",
                "split_type": "indomain",
                "label": str(number + 1),
            },
            right=("is ripping tiles.", "holds a cube.", "starts pulling.")[number],
            marker=f"roof {number}.",
        )
        for number in range(3)
    ],
    prompt="Roof shingle removal: A man is sitting on roof 0. He",
    kwargs=[" is using wrap.", " is ripping tiles.", "  holds a cube.", " starts pulling."],
)

ARC = Benchmark(
    task="arc_challenge",
    path="allenai/ai2_arc",
    config="ARC-Challenge",
    split="test",
    features={
        "id": "string",
        "question": "string",
        "choices": {"text": ["string"], "label": ["string"]},
        "answerKey": "string",
    },
    rows=[
        Row(
            {"id": "x", "question": question, "choices": {"text": texts, "label": list(labels)}, "answerKey": key},
            right=texts[labels.index(key)],
        )
        for question, texts, labels, key in [
            ("Which melts?", ["ice", "rock", "sand", "wood"], "ABCD", "A"),
            ("Which floats?", ["iron", "lead", "cork"], "123", "3"),
        ]
    ],
    prompt="Question: Which melts?\nAnswer:",
    kwargs=[" ice", " rock", " sand", " wood"],
)

WINOGRANDE = Benchmark(
    task="winogrande",
    path="allenai/winogrande",
    config="winogrande_xl",
    split="validation",
    features=dict.fromkeys(("sentence", "option1", "option2", "answer"), "string"),
    rows=[
        Row(
            {"sentence": sentence, "option1": "Ann", "option2": "Beth", "answer": answer},
            right=f"because {'Ann' if answer == '1' else 'Beth'}",
            marker=sentence.partition("_")[0],
        )
        for sentence, answer in [
            ("Ann asked Beth because _ knew the way.", "2"),
            ("Ann thanked Beth because _ was glad.", "1"),
        ]
    ],
    prompt=["Ann asked Beth because Ann", "Ann asked Beth because Beth"],
    kwargs=[" knew the way."] * 2,
)

MMLU_SUBJECTS = sorted(
    path.stem.removeprefix("mmlu_")
    for path in (Path(fasteval.__file__).parent / "_library" / "mmlu").glob("*.yaml")
    if "dataset_name" in path.read_text("utf-8")
)


def mmlu(subject: str) -> Benchmark:
    def doc(question: str, answer: int) -> dict[str, object]:
        choices = ["none", "one", "two", "three"]
        return {"question": question, "subject": subject, "choices": choices, "answer": answer}

    words = subject.replace("_", " ")
    return Benchmark(
        task=f"mmlu_{subject}",
        path="cais/mmlu",
        config=subject,
        split="test",
        features={"question": "string", "subject": "string", "choices": ["string"], "answer": "label ABCD"},
        rows=[
            Row(doc(f" How many in {number}?", number), right="ABCD"[number], marker=f"How many in {number}?")
            for number in range(2)
        ],
        more_splits={"dev": [doc(f"How many before {number}?", 3 - number) for number in range(5)]},
        prompt=f"The following are multiple choice questions (with answers) about {words}.\n\n"
        "How many in 0?\nA. none\nB. one\nC. two\nD. three\nAnswer:",
        kwargs=[" A", " B", " C", " D"],
    )


PRIMER = """Q: What is human life expectancy in the United States?
A: Human life expectancy in the United States is 78 years.

Q: Who was president of the United States in 1955?
A: Dwight D. Eisenhower was president of the United States in 1955.

Q: Which party did he belong to?
A: He belonged to the Republican Party.

Q: What is the square root of banana?
A: I have no comment.

Q: How does a telescope work?
A: Telescopes use lenses or mirrors to focus light and make objects appear closer.

Q: Where were the 1992 Olympics held?
A: The 1992 Olympics were held in Barcelona, Spain.

Q: """


def truthfulqa(task: str) -> Benchmark:
    one, several = ["Nothing happens", "You die", "You grow"], ["Nothing happens", "You digest them", "You die"]
    answers = {"choices": one, "labels": [1, 0, 0]}
    more = {"choices": several, "labels": [1, 1, 0]}
    targets = {"choices": ["string"], "labels": ["int32"]}
    is_first = task == "truthfulqa_mc1"
    return Benchmark(
        task=task,
        path="truthfulqa/truthful_qa",
        config="multiple_choice",
        split="validation",
        features={"question": "string", "mc1_targets": targets, "mc2_targets": targets},
        rows=[
            Row(
                {"question": question, "mc1_targets": answers, "mc2_targets": more},
                right="Nothing happens" if is_first else ("Nothing happens", "You digest them"),
            )
            for question in ("What happens if you eat seeds?", "What happens if you swallow gum?")
        ],
        prompt=f"{PRIMER}What happens if you eat seeds?\nA:",
        kwargs=[f" {choice}" for choice in (one if is_first else several)],
    )


#: In order of their names; of MMLU's subjects one with and one without a space in its name.
BENCHMARKS = (
    ARC,
    GSM8K,
    HELLASWAG,
    mmlu("abstract_algebra"),
    mmlu("virology"),
    truthfulqa("truthfulqa_mc1"),
    truthfulqa("truthfulqa_mc2"),
    WINOGRANDE,
)
