"""A hundred images that nobody wants in a data set, made here: odd but right ones, and broken or malicious ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

__all__ = ["HostileImage", "corpus"]


class HostileImage(NamedTuple):
    """One file: its bytes, and whether it is an image that can be shown to a model."""

    name: str
    data: bytes
    is_valid: bool


def corpus() -> list[HostileImage]:
    """Returns the files, the odd ones first; names are unique and end as file names do."""
    valid = {**_modes(), **_exif(), **_formats(), **_shapes(), **_decorated()}
    broken = {**_truncated(), **_damaged(), **_no_images(), **_bombs()}
    return [HostileImage(name, data, is_valid=True) for name, data in valid.items()] + [
        HostileImage(name, data, is_valid=False) for name, data in broken.items()
    ]


def _picture(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    noise = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode.startswith("I;16"):
        return Image.fromarray((noise[..., 0].astype(np.uint16) << 8) + noise[..., 1])
    if mode in ("I", "F"):
        return Image.fromarray(noise[..., 0].astype(np.int32 if mode == "I" else np.float32))
    if mode == "LAB":
        return Image.frombytes("LAB", size, noise[..., :3].tobytes())
    return Image.fromarray(noise, "RGBA").convert(mode)


def _encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _modes() -> dict[str, bytes]:
    files = {
        f"png_{mode}.png": _encoded(_picture(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    }
    for mode in ("1", "L", "CMYK", "LAB", "I", "F", "I;16", "RGBA", "YCbCr"):
        files[f"tiff_{mode}.tiff"] = _encoded(_picture(mode), "TIFF")
    palette = _picture().quantize(8)
    return {
        **{name.replace(";", "_"): data for name, data in files.items()},
        "png_palette_with_one_transparent_colour.png": _encoded(palette, "PNG", transparency=3),
        "png_palette_with_an_alpha_a_colour.png": _encoded(palette, "PNG", transparency=bytes(range(0, 80, 10))),
        "png_grey_with_a_transparent_value.png": _encoded(_picture("L"), "PNG", transparency=17),
        "png_rgb_with_a_transparent_colour.png": _encoded(_picture(), "PNG", transparency=(1, 2, 3)),
        "jpeg_grey.jpg": _encoded(_picture("L"), "JPEG"),
        "jpeg_cmyk.jpg": _encoded(_picture("CMYK"), "JPEG"),
        "jpeg_progressive.jpg": _encoded(_picture(), "JPEG", progressive=True),
        "jpeg_of_the_worst_quality.jpg": _encoded(_picture(), "JPEG", quality=1),
    }


def _exif() -> dict[str, bytes]:
    files = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"jpeg_turned_{orientation}.jpg"] = _encoded(_picture(), "JPEG", exif=exif.tobytes())
    return files


def _formats() -> dict[str, bytes]:
    frames = [_picture(size=(24, 24)).rotate(30 * index) for index in range(4)]
    several: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 50}
    return {
        "gif.gif": _encoded(_picture("P"), "GIF"),
        "gif_animated.gif": _encoded(frames[0], "GIF", **several),
        "gif_transparent.gif": _encoded(_picture().quantize(8), "GIF", transparency=0),
        "webp_lossless.webp": _encoded(_picture("RGBA"), "WEBP", lossless=True),
        "webp_lossy.webp": _encoded(_picture(), "WEBP", quality=5),
        "webp_animated.webp": _encoded(frames[0], "WEBP", **several),
        "apng.png": _encoded(frames[0], "PNG", **several),
        "tiff_of_pages.tiff": _encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        "tiff_lzw.tiff": _encoded(_picture(), "TIFF", compression="tiff_lzw"),
        "tiff_fax.tiff": _encoded(_picture("1"), "TIFF", compression="group4"),
        "mpo.jpg": _encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]),
        "bmp.bmp": _encoded(_picture(), "BMP"),
        "bmp_1_bit.bmp": _encoded(_picture("1"), "BMP"),
        "ico.ico": _encoded(_picture(size=(32, 32)), "ICO"),
        "ppm.ppm": _encoded(_picture(), "PPM"),
        "tga.tga": _encoded(_picture(), "TGA"),
        "jpeg2000.jp2": _encoded(_picture(), "JPEG2000"),
    }


def _shapes() -> dict[str, bytes]:
    return {
        "one_pixel.png": _encoded(_picture(size=(1, 1)), "PNG"),
        "one_pixel.gif": _encoded(_picture("P", size=(1, 1)), "GIF"),
        "one_pixel.jpg": _encoded(_picture(size=(1, 1)), "JPEG"),
        "a_line.png": _encoded(_picture(size=(150, 1)), "PNG"),
        "a_column.png": _encoded(_picture(size=(1, 150)), "PNG"),
        "nine_thousand_squared.png": _png(9000, 9000),
    }


def _decorated() -> dict[str, bytes]:
    png = _encoded(_picture(), "PNG")
    head, tail = png[:33], png[33:]
    return {
        "a_png_called_jpg.jpg": png,
        "a_jpeg_called_png.png": _encoded(_picture(), "JPEG"),
        "rubbish_behind_the_end.png": png + b"<script>alert(1)</script>" * 100,
        "a_profile_of_rubbish.jpg": _encoded(_picture(), "JPEG", icc_profile=b"rubbish" * 50),
        "a_profile_of_rubbish.png": _encoded(_picture(), "PNG", icc_profile=b"rubbish" * 50),
        "exif_of_rubbish.jpg": _encoded(_picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40),
        "a_chunk_that_claims_two_gigabytes.png": head + struct.pack(">I", 0x7FFFFFFF) + tail[4:],
        "an_unknown_chunk.png": head + _chunk(b"eViL", b"\x1b[31m" * 9) + tail,
        "a_text_of_markup.png": head + _chunk(b"tEXt", b"Title\0<img src=x onerror=alert(1)>") + tail,
    }


def _truncated() -> dict[str, bytes]:
    whole = {
        "png": _encoded(_picture(), "PNG"),
        "jpg": _encoded(_picture(), "JPEG"),
        "gif": _encoded(_picture("P"), "GIF"),
        "webp": _encoded(_picture(), "WEBP", lossless=True),
        "tiff": _encoded(_picture(), "TIFF", compression="tiff_lzw"),
        "bmp": _encoded(_picture(), "BMP"),
    }
    return {
        f"{ending}_cut_at_{percent}_percent.{ending}": data[: len(data) * percent // 100]
        for ending, data in whole.items()
        for percent in (1, 10, 50, 90)
    }


def _damaged() -> dict[str, bytes]:
    png, jpeg = _encoded(_picture(), "PNG"), _encoded(_picture(), "JPEG")
    return {
        "wrong_checksum.png": png[:50] + bytes([png[50] ^ 255]) + png[51:],
        "pixels_of_rubbish.png": png[:41] + b"\0" * (len(png) - 60) + png[-19:],
        "no_pixels.png": png[:33] + png[-12:],
        "no_width.png": png[:16] + b"\0\0\0\0" + png[20:],
        "rubbish_before_the_beginning.jpg": b"rubbish" + jpeg,
    }


def _no_images() -> dict[str, bytes]:
    return {
        "empty.png": b"",
        "nulls.png": b"\0" * 1000,
        "text.jpg": b"this is not an image\n" * 20,
        "page.png": b"<html><script>alert(1)</script></html>",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>',
        "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/tmp/x) (w) file\n%%EOF\n",
        "document.jpg": b"%PDF-1.7\n1 0 obj\n<</OpenAction <</S /JavaScript /JS (app.alert(1))>>>>\nendobj\n%%EOF",
        "archive.png": b"PK\x03\x04" + b"\0" * 100,
        "signature_only.png": b"\x89PNG\r\n\x1a\n",
        "signature_only.gif": b"GIF89a",
    }


def _bombs() -> dict[str, bytes]:
    png = _encoded(_picture(), "PNG")
    profile = b"x\0\0" + zlib.compress(b"\0" * (100 << 20))
    text = b"Comment\0\0" + zlib.compress(b"a" * (100 << 20))
    return {
        "twenty_thousand_squared.png": _png(20_000, 20_000),
        "a_header_of_two_billion_squared.png": _png_head(2**31 - 1, 2**31 - 1) + png[33:],
        "a_header_of_a_long_line.png": _png_head(2**31 - 1, 1) + png[33:],
        "a_header_of_sixty_thousand_squared.gif": b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0xF0, 0, 0)
        + b"\0" * 6,
        "a_header_of_sixty_thousand_squared.jpg": b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0\xff\xd9",
        "a_header_of_a_billion.bmp": b"BM"
        + struct.pack("<IHHIIiiHH", 60, 0, 0, 54, 40, 100_000, 100_000, 1, 24)
        + b"\0" * 24,
        "a_header_of_a_billion.ppm": b"P6 100000 100000 255\n" + b"\0" * 100,
        "a_large_webp.webp": b"RIFF"
        + struct.pack("<I", 22)
        + b"WEBPVP8L"
        + struct.pack("<I", 10)
        + b"\x2f\xff\xff\xff\x0f"
        + b"\0" * 5,
        "a_profile_that_swells.png": png[:33] + _chunk(b"iCCP", profile) + png[33:],
        "a_text_that_swells.png": png[:33] + _chunk(b"zTXt", text) + png[33:],
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_head(width: int, height: int, bits: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)


def _png(width: int, height: int) -> bytes:
    """Returns a whole black-and-white PNG of any size; a few kilobytes that are many megabytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    pixels = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return _png_head(width, height, bits=1) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
