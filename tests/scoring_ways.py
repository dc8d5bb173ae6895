"""A program: scores the same choices in every way there is, in one process, and prints the numbers as JSON.

`python -m tests.scoring_ways CHECKPOINT KIND OUTPUT`, KIND one of `text`, `tiny-cache`, `images`. In a process of its
own, since vLLM wants an environment of its own.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.plain_scoring import restart_in_host_environment, score_plainly

Group = tuple[list[int], list[tuple[int, ...]], list[int]]  # context, continuations, pictures
BLOCK = 32
TINY = {"num_gpu_blocks_override": 14, "max_num_batched_tokens": 32, "max_num_seqs": 8}


def some_tokens(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(10, 400) for _ in range(count))


def unequal(draw: random.Random) -> list[tuple[int, ...]]:
    """Continuations of one token and of many, with common beginnings, one inside another and one twice."""
    stem = some_tokens(draw, draw.randrange(1, 6))
    long = some_tokens(draw, draw.randrange(2, 45))
    return [some_tokens(draw, 1), stem, stem + long, stem + some_tokens(draw, 3), long, stem + long[:-1] + (9,), stem]


def text_groups() -> list[Group]:
    draw = random.Random(3)
    lengths = [1, 2, 31, *range(BLOCK * 2, BLOCK * 3 + 1)]
    groups: list[Group] = [(list(some_tokens(draw, length)), unequal(draw), []) for length in lengths]
    many: list[tuple[int, ...]] = [(token,) for token in range(200)] + [(token, 7, token) for token in range(0, 200, 9)]
    groups.append((list(some_tokens(draw, 40)), many, []))
    stem = some_tokens(draw, 70)  # common beginnings that end before, on and behind the border of a block
    alike = [(*stem, 5, 6), (*stem, 6, 5), (*stem[:39], 7, 7)]
    return groups + [(list(some_tokens(draw, length)), alike, []) for length in (57, 58, 63, 64, 65)]


def tiny_groups() -> list[Group]:
    draw = random.Random(4)
    return [(list(some_tokens(draw, draw.randrange(100, 200))), unequal(draw), []) for _ in range(6)]


def image_groups(encode: Any) -> list[Group]:
    draw = random.Random(5)
    place = "<|vision_start|><|image_pad|><|vision_end|>"
    groups: list[Group] = []
    for number in range(BLOCK + 1):
        pictures = [number % 3] if number % 4 else [number % 3, 3]
        filler = "is " * number
        text = f"<|im_start|>user\n{place * len(pictures)}{filler}what shape?<|im_end|>\n<|im_start|>assistant\n"
        groups.append((encode(text, False), unequal(draw), pictures))
    return groups


class Ways:
    """A loaded engine, and the ways to score with it."""

    def __init__(self, checkpoint: Path, kind: str) -> None:
        from fasteval.models.engine_config import EngineConfig
        from fasteval.models.torchvision_repair import repair_torchvision
        from fasteval.models.vllm_backend import VLLMBackend

        repair_torchvision()
        arguments: dict[str, Any] = TINY if kind == "tiny-cache" else {"kv_cache_memory_bytes": 256 << 20}
        self.backend = VLLMBackend(EngineConfig("vllm", checkpoint, arguments, dtype="float32"))
        self.engine = self.backend._engine
        self.kind, self.crowded = kind, 0

    def render(self, group: Group, tokens: tuple[int, ...]) -> Any:
        from PIL import Image

        context, _, pictures = group
        prompt: dict[str, Any] = {"prompt_token_ids": [*context, *tokens]}
        if pictures:
            colours = [(200, 30 * number, 90) for number in pictures]
            images = [Image.new("RGB", (84 + 28 * number, 112), colours[0]) for number in pictures]
            prompt["multi_modal_data"] = {"image": images}
            prompt["multi_modal_uuids"] = {"image": [f"picture {number}" for number in pictures]}
        (rendered,) = self.engine.renderer.render_cmpl([prompt])
        return rendered

    def crowd(self) -> None:
        """Keeps a tiny cache full of requests whose answers grow, so that contexts are pushed out of it."""
        from fasteval.models.sampling import SamplingParameters
        from fasteval.models.vllm_sampling import generation_params

        def in_hand() -> int:
            return sum(name.startswith("crowd") for name in self.engine.output_processor.request_states)

        while self.kind == "tiny-cache" and in_hand() < 3:
            self.crowded += 1
            (prompt,) = self.engine.renderer.render_cmpl([{"prompt_token_ids": [5 + self.crowded % 300]}])
            length = 40 + self.crowded % 7 * 13
            options = SamplingParameters(max_tokens=length, min_tokens=length)
            self.engine.add_request(f"crowd-{self.crowded}", prompt, generation_params(options, None, 200))

    def plainly(self, groups: list[Group]) -> list[tuple[float, bool]]:
        rows = [(group, continuation) for group in groups for continuation in group[1]]
        prompts = [self.render(group, continuation) for group, continuation in rows]
        return score_plainly(self.engine, prompts, [len(continuation) for _, continuation in rows])

    def together(self, groups: list[Group], *, marks: bool) -> tuple[list[tuple[float, bool]], dict[str, float]]:
        """Scores through `ChoiceScorer`; without marks it never reads the cache with `prompt_logprobs`."""
        from fasteval.models.vllm_scoring import ChoiceScorer, engine_traits
        from fasteval.scoring import EngineTraits

        traits = engine_traits(self.engine)
        assert (traits.block_size, traits.marks_unwritten) == (BLOCK, True)
        cache = self.engine.vllm_config.cache_config
        tokens = cache.num_gpu_blocks * BLOCK
        scorer = self.backend._scorer = ChoiceScorer(self.engine, EngineTraits(BLOCK, marks_unwritten=marks), tokens)
        before = self.backend.counters()
        row, completions = 0, []
        for group in groups:
            context = self.render(group, ())

            def prompt(tokens: tuple[int, ...], context: Any = context) -> Any:
                return context | {"prompt_token_ids": [*context["prompt_token_ids"], *tokens]}

            rows = range(row, row + len(group[1]))
            completions += scorer.add(rows, group[1], len(context["prompt_token_ids"]), prompt)
            row += len(group[1])
        while self.backend.unfinished:
            self.crowd()
            completions += self.backend.step()
        while self.engine.has_unfinished_requests():
            self.engine.step()  # the crowd
        assert sorted(completion.row for completion in completions) == list(range(row))
        scores = {completion.row: completion.response.value for completion in completions if completion.response}
        after = self.backend.counters()
        return [scores[row] for row in sorted(scores)], {name: after[name] - before.get(name, 0.0) for name in after}


def reference(checkpoint: Path, groups: list[Group]) -> list[tuple[float, bool]]:
    """Scores text with transformers."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    scores = []
    for context, continuations, _ in groups:
        for continuation in continuations:
            with torch.inference_mode():
                logits = model(torch.tensor([[*context, *continuation]])).logits[0, len(context) - 1 : -1]
            target = torch.tensor(continuation)
            rows = torch.log_softmax(logits, -1)[range(len(target)), target]
            scores.append((float(rows.sum()), bool((logits.argmax(-1) == target).all())))
    return scores


def main(checkpoint: Path, kind: str, output: Path) -> None:
    ways = Ways(checkpoint, kind)
    if kind == "images":
        groups = image_groups(ways.backend._encode)
    else:
        groups = text_groups() if kind == "text" else tiny_groups()
    results: dict[str, Any] = {"lengths": [len(text) for group in groups for text in group[1]], "counters": {}}
    if kind != "images":
        results["transformers"] = reference(checkpoint, groups)
    results["plain"] = ways.plainly(groups)
    for name, marks in (("tails", True), ("warm", True), ("trie", False)):
        if name != "warm":  # else the continuations themselves are in the cache
            ways.backend.reset_caches()
        results[name], results["counters"][name] = ways.together(groups, marks=marks)
    output.write_text(json.dumps(results))


if __name__ == "__main__":
    restart_in_host_environment()
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
