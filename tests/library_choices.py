"""The library's benchmarks with pictures whose questions have options."""

from __future__ import annotations

from dataclasses import replace

from tests.library import ASSISTANT, LETTER, NUCLEUS, PICTURE, Benchmark, Row, greedy, picture, turn

MMSTAR = Benchmark(
    task="mmstar",
    path="Lin-Chen/MMStar",
    split="val",
    features=dict.fromkeys(("question", "answer", "category", "l2_category"), "string")
    | {
        "index": "int64",
        "image": "image",
        "meta_info": {"source": "string", "split": "string", "image_path": "string"},
    },
    rows=[
        Row(
            {
                "index": number,
                "question": f"Which one is it in {number}?\nOptions: A: one, B: two, C: three, D: four",
                "image": picture(number),
                "answer": "ABCD"[number % 4],
                "category": category,
                "l2_category": subcategory,
                "meta_info": {"source": "MMBench", "split": "val", "image_path": "images/0.jpg"},
            },
            right=f"The answer is ({'ABCD'[number % 4]}).",
            wrong="BCDA"[number % 4],
        )
        for number, (category, subcategory) in enumerate(
            [
                ("coarse perception", "image emotion"),
                ("coarse perception", "image style & quality"),
                ("fine-grained perception", "recognition"),
                ("instance reasoning", "single-instance reasoning"),
                ("logical reasoning", "diagram reasoning"),
                ("science & technology", "biology & chemistry & physics"),
                ("math", "geometry"),
            ]
        )
    ],
    prompt=turn(
        PICTURE,
        "Which one is it in 0?\nOptions: A: one, B: two, C: three, D: four"
        "\nAnswer with the option's letter from the given choices directly",
    ),
    kwargs={"do_sample": False, "until": ["\n\n"]},
)


DIRECTION = """In which direction is it?

A. Left.
B. Right.
C. Ahead.
Please answer directly with only the letter of the correct option and nothing else."""


REALWORLDQA = Benchmark(
    task="realworldqa",
    path="lmms-lab-encoder/RealWorldQA",
    split="test",
    features={"image": "image", "image_path": "string", "question": "string", "answer": "string"},
    rows=[
        Row({"image": picture(number), "image_path": "0.webp", "question": question, "answer": answer}, right, wrong)
        for number, (question, answer, right, wrong) in enumerate(
            [
                (
                    DIRECTION,
                    "B",
                    "B.",
                    "A",
                ),
                ("How many are there? Please answer directly with a single word or number.", "2", "2.", "two"),
                ("Is it a road?", "Yes", "yes", "no"),
            ]
        )
    ],
    prompt=turn(PICTURE, DIRECTION),
    kwargs=greedy(max_new_tokens=16, **NUCLEUS),
)


AI2D = Benchmark(
    task="ai2d",
    path="lmms-lab-encoder/ai2d",
    split="test",
    features={"question": "string", "options": ["string"], "answer": "string", "image": "image"},
    rows=[
        Row(
            {
                "question": f"What is part {number}?",
                "options": ["stem", "leaf", "root", "seed"],
                "answer": str(number),
                "image": picture(number),
            },
            right=right,
            wrong="BCDA"[number],
        )
        for number, right in enumerate(["A", "B.", "C. root", "d"])
    ],
    prompt=turn(PICTURE, f"What is part 0?\nA. stem\nB. leaf\nC. root\nD. seed{LETTER}"),
    kwargs=greedy(max_new_tokens=16),
)


SCIENCEQA = Benchmark(
    task="scienceqa_img",
    path="lmms-lab-encoder/ScienceQA",
    config="ScienceQA-IMG",
    split="test",
    features=dict.fromkeys(
        ("question", "hint", "task", "grade", "subject", "topic", "category", "skill", "lecture", "solution"), "string"
    )
    | {"image": "image", "choices": ["string"], "answer": "int8"},
    rows=[
        Row(
            {
                "image": picture(number),
                "question": f"Which of {number}?",
                "choices": ["ice", "fire", "rain"],
                "answer": number,
                "hint": "Look." if number == 0 else "",
            }
            | dict.fromkeys(("task", "grade", "subject", "topic", "category", "skill", "lecture", "solution"), "x"),
            right=right,
            wrong="BCA"[number],
        )
        for number, right in enumerate(["A", "b", "C. rain"])
    ],
    prompt=turn(PICTURE, f"Context: Look.\nWhich of 0?\nA. ice\nB. fire\nC. rain{LETTER}"),
    kwargs=greedy(max_new_tokens=16),
)


def seedbench(task: str, rights: list[str], wrongs: list[str], prompt: str, kwargs: object) -> Benchmark:
    texts = (
        "answer",
        "choice_a",
        "choice_b",
        "choice_c",
        "choice_d",
        "data_id",
        "data_type",
        "question",
        "question_id",
    )
    rows = [
        Row(
            {
                "answer": "BDA"[number],
                "choice_a": "One",
                "choice_b": "Two",
                "choice_c": "Three",
                "choice_d": "Four",
                "data_id": "x",
                "data_type": "video" if number == 2 else "image",
                "question": f"How many in {number}?",
                "question_id": str(number),
                "question_type_id": 1,
                "image": [picture(number)] * (3 if number == 2 else 1),
                "segment": [0],
            },
            right,
            wrong,
        )
        for number, (right, wrong) in enumerate(zip(rights, wrongs, strict=True))
    ]
    return Benchmark(
        task=task,
        path="lmms-lab-encoder/SEED-Bench",
        split="test",
        features=dict.fromkeys(texts, "string")
        | {"question_type_id": "int32", "image": ["image"], "segment": ["int64"]},
        rows=rows,
        prompt=turn(PICTURE, prompt),
        kwargs=kwargs,
    )


SEEDBENCH = seedbench(
    "seedbench",
    ["B", "d. Four", "A"],
    ["A", "(D)", "The answer is A"],
    f"How many in 0?\nA. One\nB. Two\nC. Three\nD. Four{LETTER}",
    ASSISTANT,
)

SEEDBENCH_PPL = seedbench(
    "seedbench_ppl", ["Two", "Four", "One"], [""] * 3, "How many in 0? Answer :", ["One", "Two", "Three", "Four"]
)

MMBENCH_STATIC = Benchmark(
    task="mmbench_en_dev_static",
    path="lmms-lab-encoder/MMBench",
    config="en",
    split="dev",
    features=dict.fromkeys(
        ("question", "hint", "answer", "A", "B", "C", "D", "category", "source", "L2-category", "comment", "split"),
        "string",
    )
    | {"index": "int64", "image": "image"},
    rows=[
        Row(
            {
                "index": index,
                "question": question,
                "hint": hint,
                "answer": answer,
                "category": "nature_relation",
                "source": "x",
                "L2-category": "relation_reasoning",
                "comment": "nan",
                "split": "dev",
                "image": picture(index % 10),
            }
            | dict(zip("ABCD", options, strict=True)),
            right,
            wrong,
            marker=f"{question} There are several options:\nA. {options[0]}\n",
        )
        for index, question, hint, options, answer, right, wrong in [
            (1, "What is it?", "Look.", ("dog", "banana", "nan", "nan"), "B", "a banana", "A"),
            (2, "Where?", "nan", ("in", "out", "up", "down"), "C", "(C)", "out"),
            (1_000_001, "What is it?", "Look.", ("banana", "dog", "nan", "nan"), "A", "A. banana", "B"),
            (1_000_002, "Where?", "nan", ("up", "in", "down", "out"), "A", "A", "D"),
        ]
    ],
    # The empty line is lmms-eval's too: options and instruction each bring a line break.
    prompt=turn(PICTURE, f"Look. What is it? There are several options:\nA. dog\nB. banana\n{LETTER}"),
    kwargs=greedy(max_new_tokens=1024, **NUCLEUS) | ASSISTANT,
    best={"gpt_eval_score": 100.0},
)

MMBENCH = replace(MMBENCH_STATIC, task="mmbench_en_dev")

MMVP = Benchmark(
    task="mmvp",
    path="lmms-lab-eval/MMVP",
    split="train",
    features={"Index": "int64", "image": "image"} | dict.fromkeys(("Question", "Options", "Correct Answer"), "string"),
    rows=[
        Row(
            {
                "Index": number + 1,
                "image": picture(number),
                "Question": "Is the door open?" if number < 2 else f"Is it day in {number}?",
                "Options": f"(a) Open{number} (b) Closed",
                "Correct Answer": "(a)" if number % 2 == 0 else "(b)",
            },
            right=("A", "B.", "(A)", "The answer is b")[number],
            wrong="BABA"[number],
            marker=f"A. Open{number}",
        )
        for number in range(4)
    ],
    prompt=turn(PICTURE, f"Is the door open?\nA. Open0\nB. Closed{LETTER}"),
    kwargs=greedy(max_new_tokens=16),
)

SUBJECTS = ("Art_Theory", "Finance", "Math", "Pharmacy", "History", "Energy_and_Power")
PICTURES = tuple(f"image_{number}" for number in range(1, 8))

MMMU = Benchmark(
    task="mmmu_val",
    path="lmms-lab-encoder/MMMU",
    split="validation",
    features=dict.fromkeys(
        (
            "id",
            "question",
            "options",
            "explanation",
            "img_type",
            "answer",
            "topic_difficulty",
            "question_type",
            "subfield",
        ),
        "string",
    )
    | dict.fromkeys(PICTURES, "image"),
    rows=[
        Row(
            {
                "id": f"validation_{subject}_{number}",
                "question": f"What in {number} is <image 1> less <image 2>?",
                "options": "[]" if number % 2 else "['one', '<image 3>', \"it's\"]",
                "answer": "['24', '25']" if number % 2 else "B",
                "question_type": "open" if number % 2 else "multiple-choice",
            }
            | dict.fromkeys(("explanation", "img_type", "topic_difficulty", "subfield"), "x")
            | {name: picture(index) if index < 3 else None for index, name in enumerate(PICTURES)},
            right="So the answer is 24." if number % 2 else "(B)",
            wrong="12" if number % 2 else "A",
            marker=f"What in {number} is",
        )
        for number, subject in enumerate(SUBJECTS)
    ],
    prompt=turn("What in 0 is", PICTURE, "less", PICTURE, "?\nA. one\nB.", PICTURE, f"C. it's\n{LETTER}"),
    kwargs={"max_new_tokens": 128, "until": ["\n\n"]},
)


def blink(task: str, config: str) -> Benchmark:
    prompt = "Which one? Select from the following choices.\n(A) the first\n(B) the second"
    return Benchmark(
        task=task,
        path="BLINK-Benchmark/BLINK",
        config=config,
        split="val",
        features=dict.fromkeys(("idx", "question", "sub_task", "answer", "prompt", "explanation"), "string")
        | {"choices": ["string"]}
        | dict.fromkeys(PICTURES[:4], "image"),
        rows=[
            Row(
                {
                    "idx": f"val_{config}_{number}",
                    "question": "Which one?",
                    "sub_task": config,
                    "image_1": picture(0),
                    "image_2": picture(1),
                    "image_3": None,
                    "image_4": None,
                    "choices": ["the first", "the second"],
                    "answer": f"({'AB'[number]})",
                    "prompt": prompt + str(number),
                    "explanation": "",
                },
                right=("(A)", "b. the second")[number],
                wrong=("B", "the first")[number],
                marker=prompt + str(number),
            )
            for number in range(2)
        ],
        prompt=turn(
            PICTURE,
            PICTURE,
            f"Note: You only need to respond with A, B without providing any additional information.\n{prompt}0",
        ),
        kwargs={"max_new_tokens": 1024, "until": ["\n\n"]},
    )


BLINK = [
    blink(f"blink_{config.lower().replace('-', '_')}", config)
    for config in (
        "Art_Style",
        "Counting",
        "Forensic_Detection",
        "Functional_Correspondence",
        "IQ_Test",
        "Jigsaw",
        "Multi-view_Reasoning",
        "Object_Localization",
        "Relative_Depth",
        "Relative_Reflectance",
        "Semantic_Correspondence",
        "Spatial_Relation",
        "Visual_Correspondence",
        "Visual_Similarity",
    )
]

#: In order of their names.
BENCHMARKS = (
    AI2D,
    *BLINK,
    MMBENCH,
    MMBENCH_STATIC,
    MMMU,
    MMSTAR,
    MMVP,
    REALWORLDQA,
    SCIENCEQA,
    SEEDBENCH,
    SEEDBENCH_PPL,
)
