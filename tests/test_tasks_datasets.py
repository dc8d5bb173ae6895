"""Documents: where they come from, and how they are read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import datasets
import orjson
import pytest
from PIL import Image

from fasteval.errors import DatasetError
from fasteval.media import LazyImage
from fasteval.tasks import ConfigurableTask, Documents
from tests.task_folders import load, make, write

if TYPE_CHECKING:
    from pathlib import Path

TASK = """
task: pictures
dataset_path: somebody/pictures
dataset_name: en
dataset_kwargs: {token: true, trust_remote_code: true}
test_split: test
doc_to_visual: image
doc_to_text: question
doc_to_target: answer
"""


@pytest.fixture(autouse=True)
def _own_datasets_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps what `datasets` converts away from the user's cache."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets-cache")


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", (4, 3), (shade, 0, 0))


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pictures(count: int = 3) -> datasets.Dataset:
    rows = {
        "question": [f"q{i}" for i in range(count)],
        "answer": [f"a{i}" for i in range(count)],
        "image": [picture(i) for i in range(count)],
        "several": [[picture(i), picture(i + 1)] for i in range(count)],
        "nested": [{"deep": {"image": picture(i)}, "number": i} for i in range(count)],
    }
    image = datasets.Image()
    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "answer": datasets.Value("string"),
            "image": image,
            "several": datasets.List(image),
            "nested": {"deep": {"image": image}, "number": datasets.Value("int64")},
        }
    )
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same documents in every form that a local copy can have."""
    folder = tmp_path_factory.mktemp("copies")
    data = pictures()
    data.to_parquet(folder / "one.parquet")
    for name in ("parquet/test-00000-of-00001.parquet", "data/data/test-0.parquet", "named/en/test/any.parquet"):
        (folder / name).parent.mkdir(parents=True)
        data.to_parquet(folder / name)
    data.select([0]).to_parquet(folder / "parquet" / "testing.parquet")  # another split, whose name begins alike
    datasets.DatasetDict({"test": data, "train": data}).save_to_disk(folder / "dict")
    data.save_to_disk(folder / "disk")
    return folder


def pictures_task(folder: Path, copy: Path) -> ConfigurableTask:
    return load(write(folder, {"pictures.yaml": TASK}), "pictures", datasets={"somebody/pictures": str(copy)})


@pytest.mark.parametrize("form", ["one.parquet", "parquet", "data", "named", "dict", "disk"])
def test_a_local_copy_in_any_form_replaces_the_data_set(tmp_path: Path, saved: Path, form: str) -> None:
    task = pictures_task(tmp_path, saved / form)
    assert 3 == len(task.docs)
    assert ["q0", "q1", "q2"] == [doc["question"] for doc in task.docs]
    [image] = task.media(task.docs[1])
    assert (4, 3) == image.size
    assert (1, 0, 0) == image.getpixel((0, 0))


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_a_local_copy_can_be_text(tmp_path: Path, suffix: str) -> None:
    rows = [{"question": "q", "answer": "a", "image": "x"}]
    lines = {
        "json": orjson.dumps(rows).decode(),
        "jsonl": orjson.dumps(rows[0]).decode() + "\n",
        "csv": "question,answer,image\nq,a,x\n",
    }
    path = tmp_path / f"test.{suffix}"
    path.write_text(lines[suffix])
    assert [rows[0]] == list(pictures_task(tmp_path, path).docs)
    assert [rows[0]] == list(pictures_task(tmp_path, tmp_path).docs)


def test_images_are_read_and_not_decoded_at_any_depth(saved: Path, tmp_path: Path) -> None:
    doc = pictures_task(tmp_path, saved / "disk").docs[0]
    images = [doc["image"], *doc["several"], doc["nested"]["deep"]["image"]]
    assert [LazyImage] * 4 == [type(image) for image in images]
    assert not any(image.is_loaded for image in images)
    assert encoded(picture(0)) == doc["image"].source
    assert [doc["image"].digest, doc["nested"]["deep"]["image"].digest] == [doc["several"][0].digest] * 2


def test_documents_know_columns_media_and_fingerprint() -> None:
    documents = Documents(pictures())
    assert ["question", "answer", "image", "several", "nested"] == documents.column_names
    assert ["image", "several", "nested"] == documents.media_columns
    assert Documents(pictures()).fingerprint == documents.fingerprint != Documents(pictures(2)).fingerprint
    assert ["q2", "q0"] == [doc["question"] for doc in documents.select([2, 0])]
    assert ["q1", "q2"] == [doc["question"] for doc in documents[1:]]
    assert "q2" == documents[-1]["question"]
    with pytest.raises(IndexError):
        documents[3]


def test_lists_of_dicts_are_documents_too() -> None:
    docs: list[dict[str, Any]] = [{"a": [1], "image": None}, {"a": [2], "image": picture(1), "late": 1}]
    documents = Documents(docs)
    assert ["a", "image", "late"] == documents.column_names
    assert ["image"] == documents.media_columns
    documents[0]["a"].append(5)
    assert {"a": [1], "image": None} == documents[0]
    same = Documents([{"a": [1], "image": None}, {"a": [2], "image": picture(1), "late": 1}])
    other = Documents([{"a": [1], "image": None}, {"a": [2], "image": picture(2), "late": 1}])
    assert documents.fingerprint == same.fingerprint != other.fingerprint


def test_something_else_is_no_documents() -> None:
    with pytest.raises(DatasetError, match="a list of dicts, got str"):
        Documents("text")


def test_old_sequences_of_dicts_keep_their_form() -> None:
    kind = datasets.Sequence({"image": datasets.Image(), "n": datasets.Value("int64")})
    rows = {"frames": [{"image": [picture(1), picture(2)], "n": [1, 2]}]}
    data = datasets.Dataset.from_dict(rows, features=datasets.Features({"frames": kind}))
    frames = Documents(data)[0]["frames"]
    assert [1, 2] == frames["n"]
    assert [LazyImage, LazyImage] == [type(image) for image in frames["image"]]


def test_a_missing_data_set_is_one_line_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    task = load(write(tmp_path, {"pictures.yaml": TASK}), "pictures")
    with pytest.raises(DatasetError) as caught:
        _ = task.docs
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(
        "the data set 'somebody/pictures' of the task 'pictures' (split 'test') cannot be loaded"
    )
    assert str(caught.value).endswith("--dataset somebody/pictures=PATH")


@pytest.mark.parametrize(
    ("message", "form"),
    [
        ("there is no file or folder", "nothing"),
        ("has no files of the split 'test' (there are: train.parquet)", "only_train"),
        ("expected a file that ends in .parquet", "readme.md"),
    ],
)
def test_a_local_copy_that_does_not_have_it_says_so(tmp_path: Path, saved: Path, message: str, form: str) -> None:
    (tmp_path / "only_train").mkdir()
    (tmp_path / "only_train" / "train.parquet").touch()
    (tmp_path / "readme.md").touch()
    with pytest.raises(DatasetError) as caught:
        _ = pictures_task(tmp_path, tmp_path / form).docs
    assert message in str(caught.value)


def test_a_local_copy_without_the_split_says_which_there_are(tmp_path: Path, saved: Path) -> None:
    write(tmp_path, {"pictures.yaml": TASK.replace("test_split: test", "test_split: dev")})
    task = load(tmp_path, "pictures", datasets={"somebody/pictures": str(saved / "dict")})
    with pytest.raises(DatasetError, match="has no split 'dev', only test, train"):
        _ = task.docs


def test_files_of_a_builder_stand_beside_the_task(tmp_path: Path) -> None:
    more = """
        task: files
        dataset_path: json
        dataset_kwargs: {data_files: {test: data/rows.jsonl}, token: true, trust_remote_code: true}
        test_split: test
        doc_to_text: q
        doc_to_target: a
        """
    write(tmp_path, {"files.yaml": more, "data/rows.jsonl": '{"q": "1", "a": "2"}\n'})
    assert [{"q": "1", "a": "2"}] == list(load(tmp_path, "files").docs)


def test_a_saved_data_set_stands_beside_the_task(tmp_path: Path, saved: Path) -> None:
    folder = tmp_path / "tasks"
    pictures().save_to_disk(folder / "saved")
    text = TASK.replace("somebody/pictures", "saved").replace("{token: true", "{load_from_disk: true, token: true")
    assert 3 == len(load(write(folder, {"pictures.yaml": text}), "pictures").docs)


@pytest.mark.parametrize(("expected", "there"), [("hf_secret", "hf_secret"), (None, None)], ids=["a token", "no token"])
def test_a_token_is_used_if_there_is_one_and_remote_code_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: str | None, there: str | None
) -> None:
    calls: list[dict[str, Any]] = []

    def load_dataset(path: str, name: str, **options: Any) -> datasets.Dataset:
        calls.append({"path": path, "name": name, **options})
        return pictures()

    monkeypatch.setattr("huggingface_hub.get_token", lambda: there)
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    text = TASK.replace("{token", "{revision: abc, token")
    task = load(write(tmp_path, {"pictures.yaml": text}), "pictures")
    assert 3 == len(task.docs)
    assert [{"path": "somebody/pictures", "name": "en", "split": "test", "revision": "abc", "token": expected}] == calls
    assert "abc" == task.config_for_results()["dataset_revision"]


def test_a_custom_data_set_gets_what_its_function_takes(tmp_path: Path) -> None:
    utils = """
        def custom(size, kind="plain"):
            return {"test": [{"question": f"{kind} {i}", "answer": "a"} for i in range(size)]}
        """
    more = "custom_dataset: !function utils.custom\nmetadata: {version: 1, size: 2}\ndataset_kwargs: {kind: odd}\n"
    assert ["odd 0", "odd 1"] == [doc["question"] for doc in make(tmp_path, more, utils).docs]


def test_a_custom_data_set_without_the_split_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="task 'plain': custom_dataset has no split 'dev', only test, train"):
        _ = make(tmp_path, "test_split: dev\n").docs


@pytest.mark.parametrize("form", ["list", "Dataset"])
def test_process_docs_sees_each_split_that_is_used(tmp_path: Path, form: str) -> None:
    utils = """
        import datasets

        def as_dataset():
            return {"test": datasets.Dataset.from_list(DOCS)}

        def keep_even(docs):
            if isinstance(docs, datasets.Dataset):
                return docs.filter(lambda doc: doc["number"] % 2 == 0)
            return [doc for doc in docs if doc["number"] % 2 == 0]
        """
    source = "custom_dataset: !function utils.as_dataset\n" if form == "Dataset" else ""
    task = make(tmp_path, f"process_docs: !function utils.keep_even\n{source}", utils)
    assert [0, 2, 4] == [doc["number"] for doc in task.docs]


def test_process_docs_that_fails_or_leaves_nothing_is_one_line(tmp_path: Path) -> None:
    utils = "def fail(docs):\n    raise KeyError('x')\n\ndef none(docs):\n    return []\n"
    with pytest.raises(DatasetError, match="task 'plain': process_docs raised KeyError: 'x'"):
        _ = make(tmp_path, "process_docs: !function utils.fail\n", utils).docs
    with pytest.raises(DatasetError, match="task 'plain': the split 'test' has no documents"):
        _ = make(tmp_path, "process_docs: !function utils.none\n", utils).docs


@pytest.mark.parametrize("field", ["doc_to_text", "doc_to_target", "doc_to_visual", "doc_to_choice", "cluster_key"])
def test_a_column_that_is_not_there_is_named_with_the_task_and_the_columns(tmp_path: Path, field: str) -> None:
    with pytest.raises(DatasetError) as caught:
        _ = make(tmp_path, f"{field}: colour\n").docs
    expected = (
        f"task 'plain': {field} names the column 'colour', which the data set does not have; "
        "its columns are question, answer, number"
    )
    assert expected == str(caught.value)


def test_the_validation_split_is_evaluated_where_there_is_no_test_split(tmp_path: Path) -> None:
    task = make(tmp_path, "test_split:\nvalidation_split: train\n")
    assert ("train", "t0") == (task.split, task.docs[0]["question"])
