"""fasteval beside a plain vLLM script on easy-VQA: the same model, prompts, limits and engine settings.

    python -m benchmarks.generation --limit 2000 --runs 3

The plain script builds its prompts in the data set's order, decodes each image once per request, and calls
`LLM.generate` once. Both run as whole processes, in turn. "Steady" is from the first document read to the last answer,
the engine being ready; for fasteval it is the whole wall time but for the stage "start". No response cache is used.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

_SUFFIX = "\nAnswer the question using a single word or phrase."


def run_plain(limit: int) -> dict[str, float]:
    """Returns steady seconds and accuracy of the plain script; loads vLLM into this process."""
    from fasteval.models.amx import request_amx
    from fasteval.models.checkpoint import find_checkpoint
    from fasteval.models.named import NAMED
    from fasteval.models.torchvision_repair import repair_torchvision
    from fasteval.tasks import TaskManager

    request_amx()
    repair_torchvision()
    from PIL import Image
    from vllm import LLM, ModelRegistry, SamplingParams
    from vllm.model_executor.models.qwen2_vl import Qwen2VLForConditionalGeneration

    ModelRegistry.register_model("Qwen2VLForConditionalGeneration", Qwen2VLForConditionalGeneration)
    checkpoint = find_checkpoint(str(NAMED["demo"].checkpoint))
    engine = LLM(str(checkpoint), enforce_eager=True, enable_prefix_caching=True, block_size=32, disable_log_stats=True)
    sampling = SamplingParams(temperature=0.0, max_tokens=8, stop=["\n"])
    docs = TaskManager().load_task_or_group(["easy_vqa"])["easy_vqa"].docs
    started = time.perf_counter()
    prompts, answers = [], []
    for doc in (docs[number] for number in range(limit)):
        with Image.open(doc["image"].source) as image:
            picture = image.convert("RGB")
        prompts.append({"prompt": _prompt(doc["question"]), "multi_modal_data": {"image": picture}})
        answers.append(doc["answer"])
    outputs = engine.generate(prompts, sampling, use_tqdm=False)
    steady = time.perf_counter() - started
    right = sum(output.outputs[0].text == answer for output, answer in zip(outputs, answers, strict=True))
    return {"steady": steady, "accuracy": right / limit}


def _prompt(question: str) -> str:
    return (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"<|vision_start|><|image_pad|><|vision_end|>{question}{_SUFFIX}<|im_end|>\n<|im_start|>assistant\n"
    )


def run_fasteval(limit: int) -> dict[str, float]:
    """Returns steady seconds and accuracy of `fasteval --model demo --tasks easy_vqa`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fasteval", "--model", "demo", "--tasks", "easy_vqa", "--limit", str(limit)]
        command += ["--no_cache", "--bootstrap_iters", "0", "--output_path", folder]
        subprocess.run(command, check=True, capture_output=True)
        (path,) = Path(folder).rglob("*_results.json")
        results = json.loads(path.read_text())
    throughput = results["throughput"]
    steady = throughput["wall_seconds"] - throughput["stages"]["start"]
    return {"steady": steady, "accuracy": results["results"]["easy_vqa"]["exact_match,none"]}


@click.command()
@click.option("--limit", default=2000, show_default=True, help="Questions.")
@click.option("--runs", default=3, show_default=True, help="Runs of each; the median is reported.")
@click.option("--plain", "plain_only", is_flag=True, hidden=True, help="Run the plain script in this process.")
def main(limit: int, runs: int, plain_only: bool) -> None:
    """Compares fasteval with a plain vLLM script."""
    if plain_only:
        click.echo(json.dumps(run_plain(limit)))
        return
    environment = os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TORCH_COMPILE_DISABLE": "1"}
    environment |= {"VLLM_CPU_KVCACHE_SPACE": "4", "VLLM_LOGGING_LEVEL": "ERROR"}
    plain: list[dict[str, Any]] = []
    ours: list[dict[str, float]] = []
    for _ in range(runs):
        command = [sys.executable, "-m", "benchmarks.generation", "--plain", "--limit", str(limit)]
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        plain.append(json.loads(result.stdout.splitlines()[-1]))
        ours.append(run_fasteval(limit))
    click.echo("| | steady seconds (median) | questions/s | accuracy |\n|---|---|---|---|")
    medians = []
    for name, figures in (("plain `LLM.generate` script", plain), ("fasteval", ours)):
        steady = statistics.median(figure["steady"] for figure in figures)
        medians.append(steady)
        click.echo(f"| {name} | {steady:.2f} | {limit / steady:,.0f} | {figures[0]['accuracy']:.4f} |")
    click.echo(f"\nfasteval / plain: {medians[1] / medians[0]:.2f}")


if __name__ == "__main__":
    main()
