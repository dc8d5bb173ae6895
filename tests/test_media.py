"""Lazy images are PIL images in all but time, and share an id exactly where their pixels are known to be equal."""

from __future__ import annotations

import copy
import io
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from fasteval.errors import RequestError, UnsupportedError
from fasteval.media import LazyImage, Media, decode_image, to_media

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (30, 20)


def picture(mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Returns noise, which no two seeds share."""
    noise = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """Returns the image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def turned(file_format: str) -> bytes:
    """Returns a file whose EXIF data say that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(), file_format, exif=exif.tobytes())


DATA = encoded(picture())
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]


# Laziness.


def test_nothing_is_read_until_it_is_needed() -> None:
    image = LazyImage("no such file.png")
    assert not image.is_loaded
    assert isinstance(image.copy(), LazyImage)
    with pytest.raises(FileNotFoundError):
        _ = image.size


@pytest.mark.parametrize("mode", MODES)
def test_size_mode_and_format_are_known_without_decoding(mode: str) -> None:
    data = encoded(picture(mode) if mode != "I;16" else Image.new(mode, SIZE))
    image, original = LazyImage(data), Image.open(io.BytesIO(data))
    assert (original.size, original.mode, original.format) == (image.size, image.mode, image.format)
    assert SIZE == (image.width, image.height)
    assert not image.is_loaded


def test_convert_and_copy_stay_lazy() -> None:
    image = LazyImage(encoded(picture("RGBA")))
    converted = image.convert("RGB").copy()
    assert isinstance(converted, LazyImage)
    assert (("convert", "RGB"),) == converted.operations
    assert converted.mode == "RGB"
    assert not image.is_loaded
    assert not converted.is_loaded


def test_converting_to_the_mode_that_it_has_adds_no_operation() -> None:
    image = LazyImage(DATA)
    converted = image.convert("RGB")
    assert isinstance(converted, LazyImage)
    assert image.content_id == converted.content_id


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda image: pickle.loads(pickle.dumps(image))])
def test_copies_of_documents_keep_their_images_lazy(duplicate: Callable[[Any], Any]) -> None:
    image = LazyImage(DATA).convert("L")
    other = duplicate({"image": image})["image"]
    assert isinstance(image, LazyImage)
    assert to_media(image) == to_media(other)
    assert not image.is_loaded
    assert not other.is_loaded


def test_copies_of_a_changed_image_have_its_pixels() -> None:
    image = LazyImage(DATA)
    image.putpixel((0, 0), (1, 2, 3))
    for other in (copy.deepcopy(image), pickle.loads(pickle.dumps(image)), image.copy()):
        assert image.tobytes() == other.tobytes()


def test_a_path_is_as_good_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(DATA)
    assert LazyImage(DATA).content_id == LazyImage(path).content_id
    assert picture().tobytes() == LazyImage(path).tobytes()


# Everything that PIL does.


def thumbnail(image: Image.Image) -> Image.Image:
    """Returns the image, made small in place."""
    image.thumbnail((9, 9))
    return image


def pasted(image: Image.Image) -> Image.Image:
    """Returns a canvas with the image on it."""
    canvas = Image.new("RGB", (40, 40))
    canvas.paste(image, (3, 3))
    return canvas


def blacken(image: Image.Image) -> None:
    """Writes to the image by way of its pixel access."""
    pixels = image.load()
    assert pixels is not None
    pixels[2, 2] = (0, 0, 0)


OPERATIONS: dict[str, Callable[[Image.Image], Any]] = {
    "resize": lambda image: image.resize((7, 5)),
    "crop": lambda image: image.crop((1, 2, 9, 9)),
    "rotate": lambda image: image.rotate(90, expand=True),
    "transpose": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "thumbnail": thumbnail,
    "split and merge": lambda image: Image.merge("RGB", image.split()[::-1]),
    "paste onto": pasted,
    "blend": lambda image: Image.blend(image, image.transpose(Image.Transpose.ROTATE_180), 0.5),
    "pad": lambda image: ImageOps.pad(image, (50, 50)),
    "convert with a palette": lambda image: image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8),
    "exif_transpose": ImageOps.exif_transpose,
    "numpy": lambda image: Image.fromarray(np.asarray(image)[::2]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_give_what_they_give_on_any_image(name: str) -> None:
    expected = OPERATIONS[name](Image.open(io.BytesIO(DATA)))
    got = OPERATIONS[name](LazyImage(DATA))
    assert (expected.mode, expected.size) == (got.mode, got.size)
    assert expected.tobytes() == got.tobytes()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", ["RGB", "L", "RGBA"])
def test_lazy_conversions_give_the_pixels_of_eager_ones(mode: str, target: str) -> None:
    data = encoded(picture(mode) if mode != "I;16" else Image.new(mode, SIZE, 300))
    expected = Image.open(io.BytesIO(data)).convert(target)
    assert expected.tobytes() == LazyImage(data).convert(target).tobytes()
    assert expected.tobytes() == decode_image(to_media(LazyImage(data).convert(target))).tobytes()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_transpose_turns_an_image_upright_once(file_format: str) -> None:
    image = LazyImage(turned(file_format))
    upright = ImageOps.exif_transpose(image)
    assert upright.size == (20, 30)
    assert Image.open(io.BytesIO(turned(file_format))).getexif() == LazyImage(turned(file_format)).getexif()
    assert ImageOps.exif_transpose(upright).size == (20, 30)
    ImageOps.exif_transpose(image, in_place=True)
    ImageOps.exif_transpose(image, in_place=True)
    assert image.size == (20, 30)


def test_transparency_of_a_palette_is_seen() -> None:
    data = encoded(picture().quantize(8), transparency=0)
    assert LazyImage(data).has_transparency_data
    assert Image.open(io.BytesIO(data)).info == LazyImage(data).info
    assert Image.open(io.BytesIO(data)).getpalette() == LazyImage(data).getpalette()


# Content ids.


def test_equal_sources_and_operations_share_an_id_and_others_do_not() -> None:
    grey, other = LazyImage(DATA).convert("L"), LazyImage(encoded(picture(seed=1)))
    ids = [to_media(image).content_id for image in (LazyImage(DATA), grey, grey.convert("RGB"), other)]
    assert len(set(ids)) == 4
    assert to_media(LazyImage(bytes(DATA))).content_id == ids[0]
    assert all(len(bytes.fromhex(content_id)) == 16 for content_id in ids)


CHANGES: dict[str, Callable[[Image.Image], Any]] = {
    "drawn on": lambda image: ImageDraw.Draw(image).rectangle((1, 1, 5, 5), outline="red"),
    "one pixel": lambda image: image.putpixel((0, 0), (1, 2, 3)),
    "pasted into": lambda image: image.paste((9, 9, 9), (0, 0, 4, 4)),
    "shrunk": lambda image: image.thumbnail((9, 9)),
    "loaded pixels": blacken,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_image_never_passes_for_its_source(name: str) -> None:
    image = LazyImage(DATA)
    before = to_media(image)
    CHANGES[name](image)
    after = to_media(image)
    assert before.content_id != after.content_id
    assert image.tobytes() == decode_image(after).tobytes()
    with pytest.raises(ValueError, match="pixels may have been changed"):
        _ = image.content_id


def test_a_change_to_one_copy_leaves_the_others_alone() -> None:
    image = LazyImage(DATA)
    other = image.convert("RGB")
    ImageDraw.Draw(other).line((0, 0, 9, 9), fill="red")
    assert picture().tobytes() == image.tobytes()
    assert picture().tobytes() != other.tobytes()


def test_equal_pixels_share_an_id_however_they_came_about() -> None:
    from_bmp = Image.open(io.BytesIO(encoded(picture(), "BMP")))
    touched = LazyImage(DATA)
    touched.load()
    assert to_media(picture()).content_id == to_media(from_bmp).content_id == to_media(touched).content_id


def test_equal_bytes_of_other_shapes_or_modes_have_other_ids() -> None:
    pixels = bytes(range(48))
    images = [Image.frombytes(mode, size, pixels) for mode, size in (("RGB", (4, 4)), ("RGB", (2, 8)), ("L", (6, 8)))]
    assert len({to_media(image).content_id for image in images}) == 3


def test_palettes_that_differ_make_pixels_that_differ() -> None:
    first, second = Image.new("P", (2, 2)), Image.new("P", (2, 2))
    first.putpalette([255, 0, 0])
    second.putpalette([0, 0, 255])
    assert first.tobytes() == second.tobytes()
    assert to_media(first).content_id != to_media(second).content_id


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_pixels_of_any_mode_travel_as_grey_or_colour(mode: str) -> None:
    media = to_media(picture(mode))
    decoded = decode_image(media)
    assert media.raw == (decoded.mode, *SIZE)
    assert decoded.mode in ("L", "RGB", "RGBA")
    assert picture(mode).convert(decoded.mode).tobytes() == decoded.tobytes()


@pytest.mark.parametrize("visual", ["video.mp4", np.zeros(3), None])
def test_other_media_are_refused_by_type(visual: object) -> None:
    with pytest.raises(UnsupportedError, match=type(visual).__name__):
        to_media(visual)


# Files that are no pictures.


def test_a_truncated_file_is_an_error_and_never_half_a_picture() -> None:
    with pytest.raises(RequestError, match="unreadable image"):
        decode_image(to_media(LazyImage(encoded(picture(), "JPEG")[:-40])))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"gone\.png"):
        decode_image(Media("image", str(tmp_path / "gone.png"), "0" * 32))


def test_what_is_no_image_is_said_without_memory_addresses(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="unreadable image: 5 bytes: no known image format"):
        decode_image(Media("image", b"hello", "0" * 32))
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(RequestError, match=r"note\.txt: no known image format"):
        decode_image(Media("image", str(tmp_path / "note.txt"), "0" * 32))


def test_a_decompression_bomb_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # an error from twice as many
    with pytest.raises(RequestError, match="the image is refused"):
        decode_image(to_media(LazyImage(DATA)))


def test_an_operation_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(RequestError, match="unreadable image"):
        decode_image(to_media(LazyImage(DATA).convert("no such mode")))


@pytest.mark.filterwarnings("ignore")  # PIL warns of what it finds on the way
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_still_a_picture(file_format: str, data: st.DataObject) -> None:
    damaged = bytearray(encoded(picture(), file_format))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[position] = data.draw(st.integers(0, 255))
    try:
        assert decode_image(Media("image", bytes(damaged), "0" * 32)).width > 0
    except RequestError as error:
        assert str(error).startswith("unreadable image")  # noqa: PT017 - both outcomes are right
