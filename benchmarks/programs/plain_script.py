"""What one writes by hand: prompts in the data's order, each image decoded for its request, one `LLM.generate`.

    python -m benchmarks.programs.plain_script --data easy_vqa --limit 2000

"Steady" is from the first document read to the last answer, the engine being ready. With `--defaults` vLLM keeps the
settings that it has when nobody sets any, but for the share of memory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from benchmarks.data import MAX_TOKENS, STOP, SUFFIX, easy_vqa
from benchmarks.measure import report
from benchmarks.programs.engine import CHECKPOINT, ENGINE, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

_PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>{question}" + SUFFIX + "<|im_end|>\n<|im_start|>assistant\n"
)


def documents(data: str, limit: int) -> Iterator[tuple[str, str, Image.Image]]:
    """Yields question, answer and decoded picture of easy-VQA's questions, or of a parquet file's rows."""
    import io

    from PIL import Image

    if data == "easy_vqa":
        for question, answer, path in easy_vqa()[:limit]:
            with Image.open(path) as image:
                yield question, answer, image.convert("RGB")
        return
    import pyarrow.parquet

    for batch in pyarrow.parquet.ParquetFile(data).iter_batches(100):
        for row in batch.to_pylist():
            with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
                yield row["question"], row["answer"], image.convert("RGB")


#: Of the memory, with vLLM's defaults: where other programs leave less than its own 0.92, it refuses to start.
_MEMORY_SHARE = 0.5


@click.command()
@click.option("--data", required=True, help="`easy_vqa`, or a parquet file with image, question and answer.")
@click.option("--limit", default=10**9, help="Questions.")
@click.option("--defaults", is_flag=True, help="vLLM's own settings, but for the share of memory.")
def main(data: str, limit: int, defaults: bool) -> None:
    """Answers the questions and reports times and answers."""
    prepare()
    from vllm import LLM, SamplingParams

    options: dict[str, Any] = {"gpu_memory_utilization": _MEMORY_SHARE}
    if not defaults:
        from fasteval.models.vllm.cpu_kernels import KERNELS_FIRST

        options = ENGINE | {"disable_log_stats": True, "ir_op_priority": KERNELS_FIRST}
    engine = LLM(str(CHECKPOINT), **options)
    sampling = SamplingParams(temperature=0.0, max_tokens=MAX_TOKENS, stop=STOP)
    steps = 0
    step = engine.llm_engine.step

    def counted_step() -> Any:
        nonlocal steps
        steps += 1
        return step()

    engine.llm_engine.step = counted_step
    started = time.perf_counter()
    prompts, answers = [], []
    for question, answer, picture in documents(data, limit):
        prompts.append({"prompt": _PROMPT.format(question=question), "multi_modal_data": {"image": picture}})
        answers.append(answer)
    built = time.perf_counter()
    outputs = engine.generate(prompts, sampling, use_tqdm=False)
    steady = time.perf_counter() - started
    texts = [output.outputs[0].text.strip() for output in outputs]
    report(
        steady=steady,
        build=built - started,
        requests=len(texts),
        accuracy=sum(text == answer for text, answer in zip(texts, answers, strict=True)) / len(texts),
        prompt_tokens=sum(len(output.prompt_token_ids or ()) for output in outputs),
        cached_tokens=sum(output.num_cached_tokens or 0 for output in outputs),
        images_decoded=len(texts),
        engine_steps=steps,
        answers=texts,
    )


if __name__ == "__main__":
    main()
