"""Measures what `fasteval/scoring/cost.py` estimates: seconds a request, a token, a row, a pass over the vocabulary.

    python -m benchmarks.scoring_costs demo|smollm2

Sends probes and plain requests of several lengths, and fits their times by least squares.
"""

from __future__ import annotations

import random
import time
from typing import Any

import click

from benchmarks.environments import work_folder
from benchmarks.plain_scoring import restart_in_host_environment
from benchmarks.smollm2 import write_smollm2
from benchmarks.vision_models import write_fine_demo

_BATCH = 24


def measure(backend: Any, length: int, *, is_probe: bool) -> float:
    """Returns the seconds of a batch of requests of `length` random tokens, with nothing in the caches."""
    from fasteval.models.vllm.sampling import probe_params, scoring_params

    draw = random.Random(length)
    engine = backend._engine
    backend.reset_caches()
    before = time.perf_counter()
    for number in range(_BATCH):
        tokens = [draw.randrange(10, 400) for _ in range(length)]
        (prompt,) = engine.renderer.render_cmpl([{"prompt_token_ids": tokens}])
        engine.add_request(str(number), prompt, probe_params((11, 12, 13, 14)) if is_probe else scoring_params())
    while engine.has_unfinished_requests():
        engine.step()
    return time.perf_counter() - before


@click.command()
@click.argument("model", type=click.Choice(["demo", "smollm2"]))
@click.option("--repeats", default=3, show_default=True, help="Measurements of each length; the least counts.")
def main(model: str, repeats: int) -> None:
    """Prints the microseconds of each."""
    restart_in_host_environment()
    from fasteval.models.torchvision_repair import repair_torchvision
    from fasteval.models.vllm.amx import request_amx

    request_amx()
    repair_torchvision()
    import numpy as np

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.vllm.backend import VLLMBackend

    write = write_fine_demo if model == "demo" else write_smollm2
    checkpoint = write(work_folder() / ("loglikelihood-images-demo" if model == "demo" else "loglikelihood-text"))
    backend = VLLMBackend(EngineConfig("vllm", checkpoint, {}, dtype="bfloat16"))
    facts, seconds = [], []
    for length in (2, 8, 32, 64, 128):
        for is_probe in (True, False):
            measure(backend, length, is_probe=is_probe)  # warm up
            seconds.append(min(measure(backend, length, is_probe=is_probe) for _ in range(repeats)) / _BATCH)
            facts.append([1.0, float(length), 1.0 if is_probe else float(length), float(not is_probe)])
    values = np.linalg.lstsq(np.array(facts), np.array(seconds), rcond=None)[0]
    names = ("request", "token", "row", "own pass over the vocabulary")
    click.echo(
        f"{model}: " + ", ".join(f"{name} {value * 1e6:.0f} us" for name, value in zip(names, values, strict=True))
    )
    for fact, second in zip(facts, seconds, strict=True):
        click.echo(f"  {fact[1]:4.0f} tokens, {fact[2]:4.0f} rows: {second * 1e6:8.0f} us")


if __name__ == "__main__":
    main()
