"""The library's benchmarks that ask a judge."""

from __future__ import annotations

from fasteval.api.request import EngineRequest, Response
from tests.library import ASSISTANT, NUCLEUS, PICTURE, Benchmark, Row, greedy, picture, turn

TEXTS = ("pid", "question", "question_type", "answer_type", "unit", "answer", "query")
MATHVISTA = [
    ("How many?", "free_form", "integer", None, None, None, "3", "There are 3.", "There are 4."),
    ("What share?", "free_form", "float", 1.0, "cm", None, "0.5", "0.50", "It is 1.5"),
    ("Which years?", "free_form", "list", None, None, None, "[1, 2]", "Years [1, 2]", "Years [2, 3]"),
    ("Which colour?", "multi_choice", "text", None, None, ["red", "blue"], "blue", "Answer: (B)", "Answer: A"),
]
HINT = (
    "Hint: Please answer the question requiring an integer answer and provide the final value, "
    "e.g., 1, 2, 3, at the end."
)
MATHVISTA_PROMPTS = {
    "mathvista_testmini_cot": f"Question: How many?\n{HINT}",
    "mathvista_testmini_solution": f"Question: How many?\n{HINT}\nSolution:",
    "mathvista_testmini_format": "How many?\nAnswer the question using a single integer number.",
}


def judge(request: EngineRequest) -> Response:
    """Reads answers out of what is said, as MathVista's prompt shows it; marks 10 for a good dog, and 1 for others."""
    prompt = request.prompt.plain_text()
    if prompt.endswith("Extracted answer: "):
        said = prompt.split("\n\n")[-2]
        text = said.removeprefix("There are ").removeprefix("It is ").removeprefix("Years ").removeprefix("Answer: ")
        return Response((text.removesuffix("."),), prompt_tokens=1, output_tokens=1)
    return Response(("8 10" if "[Assistant 2]\nA very good dog." in prompt else "8 1",))


def mathvista(task: str) -> Benchmark:
    rows = [
        Row(
            {
                "pid": str(number),
                "question": question,
                "image": "images/1.jpg",
                "decoded_image": picture(number),
                "choices": choices,
                "unit": unit,
                "precision": precision,
                "answer": answer,
                "question_type": question_type,
                "answer_type": answer_type,
                "metadata": {"split": "testmini", "category": "math"},
                "query": f"Question: {question}",
            },
            right=right,
            wrong=wrong,
        )
        for number, (question, question_type, answer_type, precision, unit, choices, answer, right, wrong) in enumerate(
            MATHVISTA
        )
    ]
    features = dict.fromkeys((*TEXTS, "image"), "string") | {
        "decoded_image": "image",
        "choices": ["string"],
        "precision": "float64",
        "metadata": {"split": "string", "category": "string"},
    }
    return Benchmark(
        task=task,
        path="AI4Math/MathVista",
        split="testmini",
        features=features,
        rows=rows,
        prompt=turn(PICTURE, MATHVISTA_PROMPTS[task]),
        kwargs={"max_new_tokens": 16384, "until": ["\n\n"]},
        best={"llm_as_judge_eval": 100.0},
        judge=judge,
    )


LLAVA = Benchmark(
    task="llava_in_the_wild",
    path="lmms-lab-encoder/llava-bench-in-the-wild",
    split="train",
    features=dict.fromkeys(("question_id", "question", "caption", "gpt_answer", "category", "image_id"), "string")
    | {"image": "image"},
    rows=[
        Row(
            {
                "question_id": str(number),
                "question": f"What is it? {number}",
                "caption": "A dog.",
                "gpt_answer": "A dog.",
                "category": category,
                "image_id": "001.jpg",
                "image": picture(number),
            },
            right="A very good dog.",
            wrong="A cat.",
        )
        for number, category in enumerate(("conv", "detail", "complex", "conv"))
    ],
    prompt=turn(PICTURE, "What is it? 0"),
    kwargs=greedy(max_new_tokens=4096, image_aspect_ratio="original", **NUCLEUS) | ASSISTANT,
    best=dict.fromkeys(("gpt_eval_llava_all", *(f"gpt_eval_llava_{c}" for c in ("conv", "detail", "complex"))), 125.0),
    judge=judge,
    worst=dict.fromkeys(("gpt_eval_llava_all", *(f"gpt_eval_llava_{c}" for c in ("conv", "detail", "complex"))), 12.5),
)

BENCHMARKS = (*map(mathvista, MATHVISTA_PROMPTS), LLAVA)
