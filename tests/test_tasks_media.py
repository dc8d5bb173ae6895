"""Media: what a document shows, and what identifies it without decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fasteval.api.task import MediaIdentity, PromptOptions
from fasteval.errors import DocumentError
from fasteval.media import LazyImage
from fasteval.tasks.canonical import document_digest, image_digest
from tests.task_folders import make

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.tasks import ConfigurableTask

COLUMN = "doc_to_visual: image\n"
FUNCTION = "doc_to_visual: !function utils.visual\n"
CODE = "def visual(doc):\n    return [doc['image'].convert('RGB')]\n"


def png(folder: Path, name: str, shade: int, mode: str = "L") -> LazyImage:
    path = folder / f"{name}.png"
    Image.new(mode, (3, 2), shade).save(path)
    return LazyImage(path.read_bytes())


def key(task: ConfigurableTask, doc: dict[str, Any]) -> bytes:
    return task.media_identity(doc).key


def test_a_task_without_media_has_no_media_key(tmp_path: Path) -> None:
    task = make(tmp_path)
    assert MediaIdentity() == task.media_identity(task.docs[0])
    assert [] == task.media(task.docs[0]) == task.doc_to_visual(task.docs[0])


def test_a_column_is_known_by_its_encoded_bytes_alone(tmp_path: Path) -> None:
    task = make(tmp_path, COLUMN)
    red, blue = png(tmp_path, "red", 1), png(tmp_path, "blue", 2)
    doc = {"question": "q", "image": red}
    assert key(task, doc) == key(task, {"question": "other", "image": png(tmp_path, "red", 1)})
    assert key(task, doc) != key(task, {"question": "q", "image": blue})
    assert key(task, {"image": [red, blue]}) != key(task, {"image": [blue, red]})
    assert (red.digest,) == task.media_identity(doc).sources
    assert not red.is_loaded


@pytest.mark.parametrize("value", [None, []])
def test_a_document_without_a_medium_in_its_column_has_no_key(tmp_path: Path, value: Any) -> None:
    task = make(tmp_path, COLUMN)
    assert MediaIdentity() == task.media_identity({"image": value})
    assert [] == task.media({"image": value})


def test_several_columns_are_shown_in_their_order(tmp_path: Path) -> None:
    task = make(tmp_path, "doc_to_image: [second, first]\n")
    first, second = png(tmp_path, "first", 1), png(tmp_path, "second", 2)
    assert [second, first] == task.media({"first": first, "second": second})
    assert (second.digest, first.digest) == task.media_identity({"first": first, "second": second}).sources


def test_a_function_is_known_by_the_whole_document_and_its_code(tmp_path: Path) -> None:
    task = make(tmp_path, FUNCTION, CODE)
    red = png(tmp_path, "red", 1)
    doc = {"question": "q", "image": red}
    identity = task.media_identity(doc)
    assert identity.key == key(task, {"image": png(tmp_path, "red", 1), "question": "q"})
    assert identity.key != key(task, {"question": "other", "image": red})
    assert identity.key != key(task, {"question": "q", "image": png(tmp_path, "blue", 2)})
    assert identity.key != key(make(tmp_path, FUNCTION, CODE + "# changed\n"), doc)
    assert (red.digest,) == identity.sources
    assert not red.is_loaded


def test_options_of_the_profile_are_part_of_a_functions_key(tmp_path: Path) -> None:
    more = FUNCTION + "lmms_eval_specific_kwargs: {default: {frames: 1}, many: {frames: 9}}\n"
    code = "def visual(doc, lmms_eval_specific_kwargs=None):\n    return []\n"
    keys = {key(make(tmp_path, more, code, prompt_profile=name), {"a": 1}) for name in ("default", "many")}
    assert 2 == len(keys)


def test_a_lazy_conversion_stays_lazy(tmp_path: Path) -> None:
    red = png(tmp_path, "red", 1)
    [image] = make(tmp_path, FUNCTION, CODE).media({"image": red})
    assert isinstance(image, LazyImage)
    assert (("convert", "RGB"),) == image.operations
    assert not image.is_loaded
    assert not red.is_loaded


def test_plain_images_are_known_by_mode_size_and_pixels() -> None:
    base = Image.new("RGB", (2, 3), (1, 2, 3))
    assert image_digest(base) == image_digest(base.copy())
    others = [Image.new("RGB", (3, 2), (1, 2, 3)), Image.new("RGB", (2, 3), (1, 2, 4)), base.convert("L")]
    assert 4 == len({image_digest(image) for image in [base, *others]})
    palettes = [Image.new("P", (2, 2)), Image.new("P", (2, 2))]
    for image, red in zip(palettes, (1, 2), strict=True):
        image.putpalette([red, 0, 0])
    assert image_digest(palettes[0]) != image_digest(palettes[1])


def test_a_path_of_an_image_file_is_an_image_beside_the_task(tmp_path: Path) -> None:
    task = make(tmp_path, COLUMN)
    image = png(tmp_path, "p", 1)
    [shown] = task.media({"image": "p.png"})
    assert isinstance(shown, LazyImage)
    assert image.digest == shown.digest
    before = key(task, {"image": "p.png"})
    png(tmp_path, "p", 2)
    assert before != key(task, {"image": "p.png"})
    with pytest.raises(DocumentError, match="there is no image file"):
        task.media({"image": "nothing.png"})


def test_stored_bytes_are_an_image(tmp_path: Path) -> None:
    image = png(tmp_path, "p", 1)
    [shown] = make(tmp_path, COLUMN).media({"image": {"bytes": image.source, "path": None}})
    assert image.digest == shown.digest


def test_a_path_in_a_document_counts_by_the_files_content_for_functions_too(tmp_path: Path) -> None:
    task = make(tmp_path, FUNCTION, CODE)
    png(tmp_path, "p", 1)
    before = key(task, {"image": "p.png"})
    png(tmp_path, "p", 2)
    assert before != key(task, {"image": "p.png"})


def test_a_missing_column_costs_the_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="doc_to_visual: there is no column 'image'; the columns are question"):
        make(tmp_path, COLUMN).media({"question": "q"})


@pytest.mark.parametrize(
    ("message", "returned"),
    [
        ("must return a list of messages", "None"),
        ("a message needs 'role' and 'content'", "[{'role': 'user'}]"),
        ("a content part of type 'image' needs one medium", "[{'role': 'user', 'content': [{'type': 'image'}]}]"),
        ("a content part is a text", "[{'role': 'user', 'content': [{'type': 'smell'}]}]"),
    ],
)
def test_messages_of_another_form_cost_the_document(tmp_path: Path, message: str, returned: str) -> None:
    task = make(tmp_path, "doc_to_messages: !function utils.f\n", f"def f(doc):\n    return {returned}\n")
    table = task.compile(PromptOptions(), limit=1)
    assert message in table.failures[0].reason


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_documents_have_equal_digests_where_they_are_equal(one: Any, other: Any) -> None:
    # repr tells 1 from True and from 1.0, and nan from nan it does not.
    def canonical(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ",".join(f"{key!r}:{canonical(value[key])}" for key in sorted(value)) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(canonical, value)) + "]"
        return repr(value)

    assert (canonical(one) == canonical(other)) == (document_digest(one) == document_digest(other))


def test_a_document_that_cannot_be_told_from_others_says_so() -> None:
    with pytest.raises(DocumentError, match="the document cannot be told from others"):
        document_digest({"a": object()})
