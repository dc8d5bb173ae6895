"""GQA: questions and pictures come from two configurations of the data set."""

from __future__ import annotations

import pytest

from fasteval.errors import DatasetError
from tests.library import library_module, picture


def test_gqa_joins_the_pictures_of_its_other_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from fasteval.media import LazyImage

    utils = library_module("gqa.utils")
    pictures = datasets.Dataset.from_dict(
        {"id": ["n1", "n0"], "image": [picture(1), picture(0)]},
        features=datasets.Features({"id": datasets.Value("string"), "image": datasets.Image()}),
    )
    asked = []

    def load(*arguments: str, split: str) -> datasets.Dataset:
        asked.append((*arguments, split))
        return pictures

    monkeypatch.setattr(utils, "go_offline_if_unreachable", lambda: None)
    monkeypatch.setattr(datasets, "load_dataset", load)
    question = {"id": "0", "imageId": "n0", "question": "a?", "answer": "x"}
    (doc,) = utils.join_pictures(datasets.Dataset.from_list([question]))
    assert [("lmms-lab-encoder/GQA", "testdev_balanced_images", "testdev")] == asked
    assert isinstance(doc["image"], LazyImage)
    assert picture(0).tobytes() == utils.doc_to_visual(doc)[0].tobytes()
    with pytest.raises(DatasetError, match="no picture 'n7'"):
        utils.join_pictures(datasets.Dataset.from_list([question | {"imageId": "n7"}]))


def test_gqa_without_its_pictures_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    utils = library_module("gqa.utils")

    def fail(*arguments: str, split: str) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(utils, "go_offline_if_unreachable", lambda: None)
    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DatasetError, match=r"no network.*--dataset lmms-lab-encoder/GQA=PATH"):
        utils.join_pictures(datasets.Dataset.from_list([{"imageId": "n0"}]))
