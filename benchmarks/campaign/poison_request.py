"""One request that ends the engine whenever it is asked."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import orjson

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.campaign.lab import Lab

__all__ = ["DOCUMENTS", "NAME", "poison", "run", "write_task"]

NAME = "poison request"
#: Documents of the task.
DOCUMENTS = 120
_COLORS = ("red", "blue", "green", "yellow", "gray")
_TASK = """
    task: shapes
    dataset_path: json
    dataset_kwargs: {data_files: {test: docs.jsonl}}
    test_split: test
    output_type: generate_until
    doc_to_visual: !function utils.picture
    doc_to_text: "{{question}}"
    doc_to_target: color
    generation_kwargs: {max_new_tokens: 8}
    metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
_UTILS = """
from PIL import Image, ImageDraw


def picture(doc):
    image = Image.new("RGB", (doc["width"], 64), "white")
    ImageDraw.Draw(image).ellipse((10, 10, 40 + doc["picture"] % 10, 44), fill=doc["color"])
    return [image]
"""


def run(lab: Lab) -> Finding:
    """Has the engine raise at one question of 120."""
    return poison(lab, "a question at which the engine raises", {50}, {"CAMPAIGN_POISON_TEXT": "number 50?"})


def poison(lab: Lab, what: str, guilty: set[int], sabotage: dict[str, str]) -> Finding:
    """Runs a task whose documents `guilty` the sabotaged engine dies of, beside the same run of a sound engine."""
    folder = write_task(lab.folder / f"task-{min(guilty)}")
    shapes = lab.with_workload(f"shapes-{min(guilty)}", ["--include_path", str(folder), "--tasks", "shapes"], DOCUMENTS)
    outcome = shapes.run("poisoned", sabotage=sabotage)
    again = shapes.run("again", cache=outcome.cache)
    errors = outcome.errors("shapes")
    counters = outcome.counters
    return Finding(
        fault=f"{what}: {len(guilty)} of {DOCUMENTS} documents",
        lost=len(errors - guilty) + abs(again.sent - len(guilty)) + (shapes.reference.unique != DOCUMENTS),
        wrong=shapes.wrong(outcome, except_errors=True) + shapes.wrong(again) + len(guilty - errors)
        + (outcome.exit_code != 3) + (again.exit_code != 0),
        costs=f"{len(errors)} error rows, exit code 3; {counters['engine_restarts']:.0f} restarts; the same command on "
        "a sound engine asks these alone",
        message=outcome.message("given up: the"),
    )  # fmt: skip


def write_task(folder: Path) -> Path:
    """Writes a task of pictures and questions, each with its number in it, into a new folder; returns the folder."""
    folder.mkdir(parents=True)
    docs = [
        {
            "question": f"what color is the shape? number {number}?",
            "picture": picture,
            "color": _COLORS[picture % len(_COLORS)],
            "width": 71 if picture == 70 else 64,
        }
        for number, picture in enumerate([*range(71), 70, 70, 70, 70, *range(75, DOCUMENTS)])
    ]
    (folder / "shapes.yaml").write_text(textwrap.dedent(_TASK))
    (folder / "utils.py").write_text(_UTILS)
    (folder / "docs.jsonl").write_bytes(b"\n".join(map(orjson.dumps, docs)))
    return folder
