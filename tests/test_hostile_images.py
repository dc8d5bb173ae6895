"""A hundred images that nobody wants in a data set: the odd ones are answered, each broken one is one error row."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from fasteval.cli import main
from fasteval.errors import RequestError, UsageError
from fasteval.media import LazyImage, decode_image, opening, to_media
from fasteval.models.host.media_decoder import MediaDecoder, to_rgb
from tests.hostile_images import HostileImage, corpus

if TYPE_CHECKING:
    from pathlib import Path

CORPUS = corpus()
BY_NAME = {image.name: image for image in CORPUS}

# Pillow warns of damaged metadata and goes on, as it should.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")


def test_there_are_a_hundred_of_them() -> None:
    assert len(CORPUS) == len(BY_NAME)
    assert len(CORPUS) >= 100


@pytest.mark.parametrize("image", CORPUS, ids=lambda image: image.name)
def test_an_odd_image_is_shown_and_a_broken_one_is_refused(image: HostileImage) -> None:
    medium = to_media(LazyImage(image.data))
    if image.is_valid:
        assert "RGB" == to_rgb(decode_image(medium)).mode
    else:
        with pytest.raises(RequestError, match="image"):
            decode_image(medium)


@pytest.mark.parametrize("name", ["twenty_thousand_squared.png", "a_header_of_a_billion.bmp"])
def test_a_bomb_is_refused_in_words_wherever_it_goes_off(name: str) -> None:
    image = LazyImage(BY_NAME[name].data)
    with pytest.raises(RequestError, match=r"89,478,485.*FASTEVAL_MAX_IMAGE_PIXELS"):
        decode_image(to_media(image))
    with pytest.raises(Image.DecompressionBombError, match="89,478,485"):
        _ = image.size
    with pytest.raises(Image.DecompressionBombError, match="89,478,485"):
        image.load()


def test_pixels_that_task_code_made_have_the_same_limit() -> None:
    with pytest.raises(RequestError, match="9,460 x 9,460 pixels"):
        to_media(Image.new("1", (9460, 9460)))


def test_a_giant_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "giant.png").open("wb") as file:
        file.truncate(opening.MAX_BYTES + 1)
    with pytest.raises(RequestError, match="268,435,457 bytes"):
        decode_image(to_media(LazyImage(tmp_path / "giant.png").copy()))


def test_the_user_sets_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    monkeypatch.setenv("FASTEVAL_MAX_IMAGE_PIXELS", "1_000")
    opening.max_pixels.cache_clear()
    with pytest.raises(RequestError, match="1,000"):
        decode_image(to_media(LazyImage(BY_NAME["png_RGB.png"].data)))
    monkeypatch.setenv("FASTEVAL_MAX_IMAGE_PIXELS", "many")
    opening.max_pixels.cache_clear()
    with pytest.raises(UsageError, match="'many' is not a whole number"):
        MediaDecoder()
    monkeypatch.undo()
    opening.max_pixels.cache_clear()
    assert 89_478_485 == opening.max_pixels()


def test_a_program_in_postscript_is_not_run() -> None:
    assert "EPS" not in opening.FORMATS


def test_sixteen_bits_become_eight_without_turning_white() -> None:
    greys = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    shown = np.asarray(to_rgb(Image.fromarray(greys)))
    assert (greys >> 8).tolist() == shown[..., 0].tolist()


def test_all_of_them_together_need_little_memory() -> None:
    program = """
import resource, warnings
warnings.simplefilter("ignore")
from fasteval.errors import RequestError
from fasteval.media import LazyImage, to_media
from fasteval.models.host.media_decoder import MediaDecoder
from tests.hostile_images import corpus
images = corpus()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decoder = MediaDecoder(threads=4)
media = [to_media(LazyImage(image.data)) for image in images]
decoder.prefetch(media)
answered = 0
for medium in media:
    try:
        answered += len(decoder.decode([medium]))
    except RequestError:
        continue
print(answered, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    answered, megabytes = map(int, result.stdout.split())
    assert sum(image.is_valid for image in CORPUS) == answered
    assert megabytes < 600  # the largest that is allowed: 81 million pixels, once as grey and once as RGB


@pytest.mark.engine
def test_a_run_over_all_of_them_answers_the_odd_and_counts_the_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    for image in CORPUS:
        (folder / image.name).write_bytes(image.data)
    docs = [{"question": "what color is this?", "image": image.name} for image in CORPUS]
    (folder / "docs.jsonl").write_text("\n".join(map(json.dumps, docs)))
    (folder / "hostile.yaml").write_text("""
task: hostile
dataset_path: json
dataset_kwargs: {data_files: {test: docs.jsonl}}
test_split: test
doc_to_visual: image
doc_to_text: question
doc_to_target: question
generation_kwargs: {max_new_tokens: 1}
""")
    output = ["--include_path", str(folder), "--output_path", str(tmp_path / "out")]
    assert 3 == main(["--model", "demo", "--tasks", "hostile", *output])
    (samples,) = (tmp_path / "out").rglob("*_samples_hostile.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert len(CORPUS) == len(rows)
    errors = {CORPUS[row["doc_id"]].name: row["error"] for row in rows if "error" in row}
    assert {image.name for image in CORPUS if not image.is_valid} == errors.keys()
    assert all("image" in reason for reason in errors.values())
    assert "Traceback" not in capsys.readouterr().err
