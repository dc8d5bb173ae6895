"""Pictures of the easy-VQA kind: one shape in one colour on a light background, and how they become pixels.

easy-VQA's 4,000 training pictures are too few for a vision tower to learn shapes from scratch. Drawing
fresh ones at every step costs a third of a millisecond each and never repeats.
"""

import random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .checkpoint import IMAGE_MEAN, IMAGE_SIDE, IMAGE_STD, MERGE, PATCH
from .questions import COLORS, SHAPES, Picture

Grid = tuple[int, int]
Pixels = NDArray[np.uint8]

SQUARE_GRID: Grid = (IMAGE_SIDE // PATCH, IMAGE_SIDE // PATCH)
OTHER_GRIDS: tuple[Grid, ...] = ((6, 8), (8, 6), (6, 10), (10, 6))
SIDE = 64
_OVERSAMPLE = 4
_SIZES = (7.5, 33.5)
_SHAPE_LEVEL = 200  # every shape colour has a channel below, every background is above
_CELL_PIXELS = 8


def random_picture(rng: random.Random) -> Picture:
    """Draw a shape and a colour, all equally likely."""
    return Picture(rng.choice(SHAPES), rng.choice(list(COLORS)))


def _outline(shape: str, width: int, height: int, rng: random.Random) -> tuple[float, float, float, float]:
    """Choose a bounding box inside the canvas: round circles, upright equilateral triangles, free rectangles."""
    size = rng.uniform(*_SIZES)
    tall = {"circle": size, "triangle": size * 0.866, "rectangle": rng.uniform(*_SIZES)}[shape]
    left, top = rng.uniform(0, width - size), rng.uniform(0, height - tall)
    return left, top, left + size, top + tall


def draw(picture: Picture, rng: random.Random, width: int = SIDE, height: int = SIDE) -> Pixels:
    """Draw a picture, with softened edges like easy-VQA's."""
    left, top, right, bottom = (edge * _OVERSAMPLE for edge in _outline(picture.shape, width, height, rng))
    mask = Image.new("L", (width * _OVERSAMPLE, height * _OVERSAMPLE), 0)
    pen = ImageDraw.Draw(mask)
    if picture.shape == "circle":
        pen.ellipse((left, top, right, bottom), fill=255)
    elif picture.shape == "rectangle":
        pen.rectangle((round(left / 4) * 4, round(top / 4) * 4, round(right / 4) * 4, round(bottom / 4) * 4), fill=255)
    else:
        pen.polygon(((left, bottom), (right, bottom), ((left + right) / 2, top)), fill=255)
    background = tuple(rng.randint(230, 255) for _ in range(3))
    canvas = Image.new("RGB", (width, height), background)
    canvas.paste(COLORS[picture.color], (0, 0), mask.reduce(_OVERSAMPLE))
    return np.asarray(canvas)


def random_grid(rng: random.Random) -> Grid:
    """Choose the patches of a batch: mostly the square, at times other aspect ratios so that those work too."""
    return SQUARE_GRID if rng.random() < 0.9 else rng.choice(OTHER_GRIDS)


def draw_for_grid(picture: Picture, rng: random.Random, grid: Grid) -> Pixels:
    """Draw a picture with a grid's aspect ratio, or a square one that will be stretched to it."""
    if grid == SQUARE_GRID or rng.random() < 0.5:
        return draw(picture, rng)
    rows, columns = grid
    return draw(picture, rng, width=SIDE * columns // max(grid), height=SIDE * rows // max(grid))


def resize(image: Pixels, grid: Grid) -> Pixels:
    """Resize as the image processor does."""
    rows, columns = grid
    size = (columns * PATCH, rows * PATCH)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def shape_cells(resized: Pixels) -> NDArray[np.bool_]:
    """Tell which image tokens see a part of the shape, in reading order."""
    side = PATCH * MERGE
    rows, columns = resized.shape[0] // side, resized.shape[1] // side
    inside = (resized.min(axis=-1) < _SHAPE_LEVEL).reshape(rows, side, columns, side)
    cells: NDArray[np.bool_] = inside.sum(axis=(1, 3)) >= _CELL_PIXELS
    return cells.reshape(-1)


def to_patches(images: list[Pixels]) -> torch.Tensor:
    """Normalise resized pictures and cut them into patches in Qwen2-VL's order: (pictures, patches, 3·14·14).

    The processor repeats every patch for the second frame of a still; here it is left out, as `vision_features`
    adds up the two frames' weights instead.
    """
    pixels = torch.from_numpy(np.stack(images)).float().div(255.0)
    pixels = (pixels - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_STD)
    count, height, width, _ = pixels.shape
    blocks = pixels.view(count, height // (PATCH * MERGE), MERGE, PATCH, width // (PATCH * MERGE), MERGE, PATCH, 3)
    patches = blocks.permute(0, 1, 4, 2, 5, 7, 3, 6)
    return patches.reshape(count, -1, 3 * PATCH * PATCH)
