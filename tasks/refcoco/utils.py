"""RefCOCO's documents, prompts and scores. Source: arXiv:1608.00272, and the data card of lmms-lab/RefCOCO."""

from __future__ import annotations

import re
from typing import Any

_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
_NUMBER = r"\s*(-?\d+(?:\.\d+)?)"
_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\s*\]")


def one_row_a_sentence(dataset: Any) -> Any:
    """Returns the data set with a row for each sentence of a region; the pictures stay encoded."""
    import datasets

    def explode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        counts = [len(sentences) for sentences in batch["answer"]]
        rows = {
            name: [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
            for name, values in batch.items()
        }
        return rows | {"answer": [sentence for sentences in batch["answer"] for sentence in sentences]}

    encoded = dataset.cast_column("image", datasets.Image(decode=False))
    features = encoded.features.copy()
    features["answer"] = datasets.Value("string")
    return encoded.map(explode, batched=True, batch_size=100, features=features)


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any]) -> str:
    sentence: str = doc["answer"]
    return (
        "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right x, bottom-right y)."
        " All values are floating point numbers bounded between 0 and 1. Please provide the bounding box coordinate of "
        "the region this sentence describes: " + sentence
    )


def doc_to_target(doc: dict[str, Any]) -> list[float]:
    """Returns the region's left, upper, right and lower border; the data set has pixels, and width and height."""
    left, upper, width, height = doc["bbox"]
    across, down = doc["image"].size
    return [left / across, upper / down, (left + width) / across, (upper + height) / down]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    target, box = doc_to_target(doc), parse_box(results[0])
    overlap = intersection_over_union(target, box)
    centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    is_centred = target[0] <= centre[0] <= target[2] and target[1] <= centre[1] <= target[3]
    accuracies = {f"refcoco_ACC@{threshold}": float(overlap >= threshold) for threshold in _THRESHOLDS}
    return {"refcoco_IoU": overlap, **accuracies, "refcoco_Center_ACC": float(is_centred)}


def parse_box(answer: str) -> list[float]:
    """Returns the first four numbers in brackets; zeros where there are none."""
    found = _BOX.search(answer)
    return [float(number) for number in found.groups()] if found else [0.0] * 4


def intersection_over_union(first: list[float], second: list[float]) -> float:
    """Returns the share of two boxes' common area in their whole one; 0 where a box has its borders exchanged."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(0.0, width) * max(0.0, height)
    if common == 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return common / (sum(areas) - common)
