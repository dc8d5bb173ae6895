"""GQA's documents and prompts. Source: arXiv:1902.09506, and the data card of lmms-lab/GQA."""

from __future__ import annotations

from typing import Any

from fasteval.errors import DatasetError
from fasteval.media import LazyImage
from fasteval.tasks.hub import go_offline_if_unreachable

_DATASET = "lmms-lab-encoder/GQA"


def join_pictures(dataset: Any) -> Any:
    """Returns the questions with their pictures, which stay encoded; a copy that has them already as it is.

    Raises:
        DatasetError: the pictures cannot be loaded, or one is not there.
    """
    if "image" in dataset.column_names:
        return dataset
    pictures = _pictures()
    docs = list(dataset.select_columns(["id", "imageId", "question", "answer"]))
    missing = sorted({doc["imageId"] for doc in docs} - pictures.keys())
    if missing:
        raise DatasetError(f"GQA: there is no picture '{missing[0]}' (of {len(missing)} that are missing)")
    return [doc | {"image": pictures[doc["imageId"]]} for doc in docs]


def _pictures() -> dict[str, LazyImage]:
    import datasets

    try:
        go_offline_if_unreachable()
        loaded = datasets.load_dataset(_DATASET, "testdev_balanced_images", split="testdev")
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"GQA: its pictures cannot be loaded ({type(error).__name__}: {error}); a copy of the questions with a "
            f"column 'image' is given with --dataset {_DATASET}=PATH"
        ) from error
    encoded = loaded.cast_column("image", datasets.Image(decode=False))
    return {row["id"]: LazyImage(row["image"]["bytes"] or row["image"]["path"]) for row in encoded}


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"]
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]
