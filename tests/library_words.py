"""The library's benchmarks with pictures whose answers are words, numbers, or yes and no."""

from __future__ import annotations

from tests.library import ASSISTANT, NUCLEUS, PICTURE, WORD, Benchmark, Row, greedy, picture, turn


def pope(name: str, config: str | None, split: str) -> Benchmark:
    questions = [(f"Is there a thing {number} in the image?", number % 2 == 0) for number in range(5)]
    rows = [
        Row(
            {
                "id": str(number),
                "question_id": str(number),
                "question": question,
                "answer": "yes" if is_there else "no",
                "image_source": f"COCO_val2014_{number}",
                "image": picture(number),
                "category": "popular",
            },
            right="Yes." if is_there else "No, there is not.",
            wrong="No." if is_there else "yes",
        )
        for number, (question, is_there) in enumerate(questions)
    ]
    texts = ("id", "question_id", "question", "answer", "image_source", "category")
    return Benchmark(
        task=name,
        path="lmms-lab-encoder/POPE",
        config=config,
        split=split,
        features=dict.fromkeys(texts, "string") | {"image": "image"},
        rows=rows,
        prompt=turn(PICTURE, f"Is there a thing 0 in the image?{WORD}"),
        kwargs=greedy(max_new_tokens=128, **NUCLEUS),
        best={"pope_yes_ratio": 3 / 5},
        worst={"pope_yes_ratio": 2 / 5},
    )


CHARTQA = Benchmark(
    task="chartqa",
    path="lmms-lab-encoder/ChartQA",
    split="test",
    features={"type": "string", "question": "string", "answer": "string", "image": "image"},
    rows=[
        Row({"type": kind, "question": question, "answer": answer, "image": picture(number)}, right, wrong)
        for number, (kind, question, answer, right, wrong) in enumerate(
            [
                ("human_test", "How many?", "100", "104", "106"),
                ("human_test", "Which colour?", "Blue", "blue", "red"),
                ("augmented_test", "What share?", "40%", "0.4", "40"),
            ]
        )
    ],
    prompt=turn(PICTURE, "How many?\nAnswer the question with a single word."),
    kwargs=greedy(max_new_tokens=16),
)


OCRBENCH = Benchmark(
    task="ocrbench",
    path="echo840/OCRBench",
    split="test",
    features={
        "dataset": "string",
        "question": "string",
        "question_type": "string",
        "answer": ["string"],
        "image": "image",
    },
    rows=[
        Row(
            {
                "dataset": source,
                "question": f"{kind}: what is written?",
                "question_type": kind,
                "answer": answers,
                "image": picture(number),
            },
            right,
            wrong,
        )
        for number, (source, kind, answers, right, wrong) in enumerate(
            [
                ("IIIT5K", "Regular Text Recognition", ["CENTRE"], "It says centre.", "center"),
                ("ReCTS", "Irregular Text Recognition", ["ABC"], "\uff21\uff22\uff23", "AB"),
                ("textVQA", "Scene Text-centric VQA", ["blue", "dark blue"], "a blue sign", "red"),
                ("docVQA", "Doc-oriented VQA", ["May 1\n1999"], "may 1 1999", "May"),
                ("FUNSD", "Key Information Extraction", ["12"], "12", "21"),
                ("HME100k", "Handwritten Mathematical Expression Recognition", ["x ^ 2"], "x^2 ", "X^2"),
            ]
        )
    ],
    prompt=turn(PICTURE, "Regular Text Recognition: what is written?"),
    kwargs=greedy(max_new_tokens=128, **NUCLEUS),
)


TEXTVQA = Benchmark(
    task="textvqa_val",
    path="lmms-lab-encoder/textvqa",
    split="validation",
    features=dict.fromkeys(("image_id", "question", "flickr_original_url", "flickr_300k_url", "set_name"), "string")
    | dict.fromkeys(("question_id", "image_width", "image_height"), "int32")
    | {name: ["string"] for name in ("question_tokens", "answers", "image_classes", "ocr_tokens")}
    | {"image": "image"},
    rows=[
        Row(
            {
                "question_id": number,
                "question": question,
                "answers": answers,
                "image": picture(number),
                "image_width": 8,
                "image_height": 8,
            }
            | dict.fromkeys(("image_id", "flickr_original_url", "flickr_300k_url", "set_name"), "x")
            | {name: ["x"] for name in ("question_tokens", "image_classes", "ocr_tokens")},
            right,
            wrong,
            marker=question.capitalize(),
        )
        for number, (question, answers, right, wrong) in enumerate(
            [
                ("what is the BRAND?", ["nokia"] * 10, "Nokia.", "samsung"),
                ("how many?", ["two"] * 4 + ["three"] * 6, "2", "4"),
                ("whose is it?", ["the cat's"] * 5 + ["a dog"] * 5, "cat's", "bird"),
            ]
        )
    ],
    prompt=turn(PICTURE, f"What is the brand?{WORD}"),
    kwargs=ASSISTANT,
)

VQAV2 = Benchmark(
    task="vqav2_val",
    path="lmms-lab-encoder/VQAv2",
    split="validation",
    features=dict.fromkeys(("question_type", "multiple_choice_answer", "answer_type", "question"), "string")
    | dict.fromkeys(("image_id", "question_id"), "int64")
    | {"image": "image", "answers": [{"answer": "string", "answer_confidence": "string", "answer_id": "int64"}]},
    rows=[
        Row(
            {
                "question_type": "what",
                "multiple_choice_answer": answers[0],
                "answer_type": "other",
                "question": question,
                "image_id": number,
                "question_id": number,
                "image": picture(number),
                "answers": [
                    {"answer": answer, "answer_confidence": "yes", "answer_id": index}
                    for index, answer in enumerate(answers, 1)
                ],
            },
            right,
            wrong,
        )
        for number, (question, answers, right, wrong) in enumerate(
            [
                ("Is it open?", ["yes"] * 9 + ["no"], "Yes", "no way"),
                ("How many birds?", ["ten"] * 10, "10", "9"),
                ("What is it?", ["t-shirt"] * 5 + ["a shirt"] * 5, "The shirt", "hat"),
            ]
        )
    ],
    prompt=turn(PICTURE, f"Is it open?{WORD}"),
    kwargs={"max_new_tokens": 16, "until": ["\n\n"]},
)


def docvqa(task: str, config: str, own: dict[str, object]) -> Benchmark:
    questions = [
        ("What is the total?", ["12.50", "$12.50"], "$12.50", "total"),
        ("Who signed?", ["John Smith"], "john  smith", "nobody"),
    ]
    return Benchmark(
        task=task,
        path="lmms-lab-encoder/DocVQA",
        config=config,
        split="validation",
        features=dict.fromkeys(("questionId", "question", "data_split"), "string")
        | {"image": "image", "answers": ["string"]}
        | own,
        rows=[
            Row(
                {
                    "questionId": str(number),
                    "question": question,
                    "answers": answers,
                    "image": picture(number),
                    "data_split": "val",
                }
                | {name: ["x"] if isinstance(kind, list) else "x" for name, kind in own.items()},
                right,
                wrong,
            )
            for number, (question, answers, right, wrong) in enumerate(questions)
        ],
        prompt=turn(PICTURE, f"What is the total?{WORD}"),
        kwargs=greedy(max_new_tokens=32),
    )


GQA = Benchmark(
    task="gqa",
    path="lmms-lab-encoder/GQA",
    config="testdev_balanced_instructions",
    split="testdev",
    features=dict.fromkeys(("id", "imageId", "question", "answer", "fullAnswer"), "string") | {"image": "image"},
    rows=[
        Row(
            {
                "id": str(number),
                "imageId": f"n{number}",
                "question": question,
                "answer": answer,
                "fullAnswer": "x",
                "image": picture(number),
            },
            right,
            wrong,
        )
        for number, (question, answer, right, wrong) in enumerate(
            [("Is it red?", "yes", "Yes.", "no"), ("Who is there?", "snowboarder", "snowboarder", "the snowboarder")]
        )
    ],
    prompt=turn(PICTURE, f"Is it red?{WORD}"),
    kwargs=greedy(max_new_tokens=16, **NUCLEUS),
)


def refcoco(split: str) -> Benchmark:
    sentences = ("left dog", "the brown one", "cat on the right")
    return Benchmark(
        task=f"refcoco_bbox_rec_{split}",
        path="lmms-lab-encoder/RefCOCO",
        split=split,
        features=dict.fromkeys(("question_id", "question", "file_name"), "string")
        | {"image": "image", "answer": ["string"], "segmentation": ["float32"], "bbox": ["float32"], "iscrowd": "int8"},
        rows=[
            Row(
                {
                    "question_id": str(number),
                    "question": "Please carefully observe the area.",
                    "file_name": "COCO_train2014_0.jpg",
                    "image": picture(number, (16, 8)),
                    "answer": [sentence],
                    "segmentation": [0.0],
                    "bbox": [4.0, 2.0, 8.0, 4.0],
                    "iscrowd": 0,
                },
                right="It is at [0.25, 0.25, 0.75, 0.75].",
                wrong=("[0.8, 0.8, 1, 1]", "0.25, 0.25, 0.75, 0.75", "there")[number],
                marker=sentence,
            )
            for number, sentence in enumerate(sentences)
        ],
        prompt=turn(
            PICTURE,
            "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right x, "
            "bottom-right y). All values are floating point numbers bounded between 0 and 1. Please provide the "
            "bounding box coordinate of the region this sentence describes: left dog",
        ),
        kwargs=ASSISTANT,
    )


DOCVQA = docvqa(
    "docvqa_val",
    "DocVQA",
    {"question_types": ["string"], "docId": "string", "ucsf_document_id": "string", "ucsf_document_page_no": "string"},
)
INFOVQA = docvqa(
    "infovqa_val",
    "InfographicVQA",
    {"answer_type": ["string"], "image_url": "string", "operation/reasoning": ["string"], "ocr": "string"},
)

_MME_CATEGORIES = (
    *("existence", "existence", "OCR", "code_reasoning", "code_reasoning", "text_translation"),
    *("artwork", "celebrity", "color", "count", "landmark", "position", "posters", "scene"),
    *("commonsense_reasoning", "numerical_calculation"),
)

#: Two questions an image, one answered by yes and one by no.
MME = Benchmark(
    task="mme",
    path="lmms-lab-encoder/MME",
    split="test",
    features=dict.fromkeys(("question_id", "question", "answer", "category"), "string") | {"image": "image"},
    rows=[
        Row(
            {
                "question_id": f"{category}/{number}.png",
                "question": f"Is picture {number} like {half}? Please answer yes or no.",
                "answer": answer,
                "category": category,
                "image": picture(number * 15),
            },
            right=f"{answer}.",
            wrong=("No", "yes")[half],
            marker=f"Is picture {number} like {half}?",
        )
        for number, category in enumerate(_MME_CATEGORIES)
        for half, answer in enumerate(("Yes", "No"))
    ],
    prompt=turn(PICTURE, f"Is picture 0 like 0?{WORD}"),
    kwargs=greedy(max_new_tokens=16, **NUCLEUS),
    best={
        "mme_perception_score": 2000.0,
        "mme_cognition_score": 800.0,
        **{f"mme_{category}": 200.0 for category in _MME_CATEGORIES},
    },
)


#: In order of their names.
BENCHMARKS = (
    CHARTQA,
    DOCVQA,
    GQA,
    INFOVQA,
    MME,
    OCRBENCH,
    pope("pope", None, "test"),
    pope("pope_adv", "Full", "adversarial"),
    pope("pope_pop", "Full", "popular"),
    pope("pope_random", "Full", "random"),
    *(refcoco(split) for split in ("val", "test", "testA", "testB")),
    TEXTVQA,
    VQAV2,
)
