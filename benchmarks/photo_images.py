"""Photo-sized images: JPEGs of 1024 x 768 with about five questions each, by the same programs as the small ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.data import photo_task
from benchmarks.fasteval_run import run_fasteval
from benchmarks.record import Chart, Record, Section, Target, table
from benchmarks.small_images import HEAD, counter_table, measure_programs, peer, plain, speed, speed_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Figures
    from benchmarks.record import Size

__all__ = ["measure", "report"]

_QUESTIONS = 5


def measure(size: Size) -> Record:
    """Measures everything; lmms-eval, which takes minutes, once."""
    folder = photo_task(size.photos, _QUESTIONS)
    ours = partial(run_fasteval, "bench_photos", "--no_cache", "--bootstrap_iters", "0", folder=folder)
    data = str(folder / "data.parquet")
    programs: dict[str, Callable[[], Figures]] = {"plain script": partial(plain, data), "fasteval": ours}
    name = "lmms-eval, batch size 256"
    programs[name] = partial(peer, folder, "bench_photos", 256)
    record = measure_programs(size, {name: 1}, programs, "photo_images")
    return Record(record.benchmark, record.size, record.programs, {**record.facts, "images": size.photos})


def report(record: Record) -> Section:
    """Returns what the page says."""
    ratio = record.ratio("steady", "fasteval", "plain script")
    factor = speed(record, "fasteval") / speed(record, "lmms-eval, batch size 256")
    decoded, images = int(record.median("fasteval", "images_decoded")), record.facts["images"]
    targets = [
        Target(
            "photo-sized images, steady time over the plain script's", "at most 0.45", f"{ratio:.2f}", ratio <= 0.45
        ),
        Target("photo-sized images decoded", f"{images:,} (the distinct ones)", f"{decoded:,}", decoded == images),
        Target("photo-sized images, speed over lmms-eval's", "at least 30", f"{factor:.1f}", factor >= 30),
    ]
    bars = {name: [run["requests"] / run["steady"] for run in runs] for name, runs in record.programs.items()}
    chart = Chart("Photo-sized images", "questions/s", bars)
    text = f"{table(HEAD, speed_rows(record))}\n\n{counter_table(record)}"
    return Section("Photo-sized images", text, targets, [chart])
