"""A program: scores the same choices in every way there is, in one process, and prints the numbers as JSON.

`python -m tests.scoring_ways CHECKPOINT KIND OUTPUT [EXAMPLES]`, KIND one of `text`, `tiny-cache`, `images`, `random`
(of which EXAMPLES are made up). In a process of its own, since vLLM wants an environment of its own.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings, strategies

from benchmarks.plain_scoring import restart_in_host_environment, score_plainly

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from PIL import Image

Group = tuple[list[int], list[tuple[int, ...]], list[int]]  # context, continuations, pictures
BLOCK = 32
# Prompts are computed a few tokens a step and take blocks as they go: there are never enough of them.
TINY = {
    "num_gpu_blocks_override": 14,
    "max_num_batched_tokens": 32,
    "max_num_seqs": 8,
    "long_prefill_token_threshold": 8,
    "scheduler_reserve_full_isl": False,
}


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


def image_groups(tokenizer: Any) -> list[Group]:
    draw = random.Random(5)
    place = "<|vision_start|><|image_pad|><|vision_end|>"
    groups: list[Group] = []
    for number in range(BLOCK + 1):
        pictures = [number % 3] if number % 4 else [number % 3, 3]
        filler = "is " * number
        text = f"<|im_start|>user\n{place * len(pictures)}{filler}what shape?<|im_end|>\n<|im_start|>assistant\n"
        groups.append((tokenizer.encode(text, add_special_tokens=False), unequal(draw), pictures))
    return groups


def picture(number: int) -> Image.Image:
    from PIL import Image

    return Image.new("RGB", (84 + 28 * number, 112), (200, 30 * number, 90))


class Ways:
    """A loaded engine, and the ways to score with it."""

    def __init__(self, checkpoint: Path, kind: str) -> None:
        from fasteval.models.engine_config import EngineConfig
        from fasteval.models.torchvision_repair import repair_torchvision
        from fasteval.models.vllm.backend import VLLMBackend

        repair_torchvision()
        arguments: dict[str, Any] = TINY if kind == "tiny-cache" else {"kv_cache_memory_bytes": 512 << 20}
        self.backend = VLLMBackend(EngineConfig("vllm", checkpoint, arguments, dtype="float32"))
        self.engine = self.backend._engine
        self.kind, self.crowded = kind, 0
        self.preempted: list[str] = []
        self.count_preemptions()

    def count_preemptions(self) -> None:
        """Has the names of preempted requests noted, as often as vLLM's scheduler preempts them."""
        scheduler = self.engine.engine_core.engine_core.scheduler
        preempt = scheduler._preempt_request

        def noting(request: Any, *args: Any, **kwargs: Any) -> Any:
            before = request.num_preemptions
            result = preempt(request, *args, **kwargs)
            self.preempted += [request.request_id] * (request.num_preemptions - before)
            return result

        scheduler._preempt_request = noting

    def render(self, group: Group, tokens: tuple[int, ...]) -> Any:
        context, _, pictures = group
        prompt: dict[str, Any] = {"prompt_token_ids": [*context, *tokens]}
        if pictures:
            prompt["multi_modal_data"] = {"image": [picture(number) for number in pictures]}
            prompt["multi_modal_uuids"] = {"image": [f"picture {number}" for number in pictures]}
        (rendered,) = self.engine.renderer.render_cmpl([prompt])
        return rendered

    def crowd(self) -> None:
        """Keeps a tiny cache full of requests whose answers grow, so that contexts are pushed out of it."""
        from fasteval.models.sampling import SamplingParameters
        from fasteval.models.vllm.sampling import generation_params

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
        from fasteval.models.vllm.scoring import ChoiceScorer, engine_traits
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


class Reference:
    """The same checkpoint in transformers."""

    def __init__(self, checkpoint: Path, *, takes_images: bool) -> None:
        import torch
        import transformers

        auto = transformers.AutoModelForImageTextToText if takes_images else transformers.AutoModelForCausalLM
        self.model = auto.from_pretrained(checkpoint, dtype=torch.float32)
        self.processor = transformers.AutoProcessor.from_pretrained(checkpoint) if takes_images else None

    def scores(self, groups: list[Group], contexts: list[list[int]]) -> list[tuple[float, bool]]:
        """Scores each continuation by itself; `contexts` have their images' places expanded."""
        import torch

        scores = []
        for (_, continuations, pictures), context in zip(groups, contexts, strict=True):
            for continuation in continuations:
                ids = torch.tensor([[*context, *continuation]])
                with torch.inference_mode():
                    logits = self.model(ids, **self.images(ids, pictures)).logits[0, len(context) - 1 : -1]
                target = torch.tensor(continuation)
                rows = torch.log_softmax(logits, -1)
                chosen = rows[range(len(target)), target]
                scores.append((float(chosen.sum()), bool((chosen >= rows.amax(-1)).all())))
        return scores

    def images(self, ids: Any, pictures: list[int]) -> dict[str, Any]:
        if self.processor is None or not pictures:
            return {}
        images = self.processor.image_processor([picture(number) for number in pictures], return_tensors="pt")
        return dict(images) | {"mm_token_type_ids": (ids == self.model.config.image_token_id).int()}


def score_in_all_ways(ways: Ways, model: Reference, groups: list[Group]) -> dict[str, Any]:
    """Returns the scores by way, the counters of the ways that fasteval has, and who was preempted."""
    contexts = [list(ways.render(group, ())["prompt_token_ids"]) for group in groups]
    results: dict[str, Any] = {"lengths": [len(text) for group in groups for text in group[1]], "counters": {}}
    results["transformers"] = model.scores(groups, contexts)
    results["plain"] = ways.plainly(groups)
    for name, marks in (("tails", True), ("warm", True), ("trie", False)):
        if name != "warm":  # else the continuations themselves are in the cache
            ways.backend.reset_caches()
        results[name], results["counters"][name] = ways.together(groups, marks=marks)
    return results | {"preempted": ways.preempted}


def check_random_groups(ways: Ways, model: Reference, examples: int) -> dict[str, Any]:
    """Scores groups that hypothesis makes up; a failure names the smallest one that it finds."""
    token = strategies.integers(10, 400)
    few = strategies.integers(10, 13)  # so that continuations begin alike
    continuation = strategies.lists(token | few, min_size=1, max_size=40).map(tuple)
    context = strategies.integers(1, 3 * BLOCK).flatmap(
        lambda size: strategies.lists(token, min_size=size, max_size=size)
    )
    group: SearchStrategy[Group] = strategies.tuples(
        context, strategies.lists(continuation, min_size=1, max_size=6), strategies.just([])
    )
    worst = {"plain": 0.0, "transformers": 0.0}

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(strategies.lists(group, min_size=1, max_size=3))
    def check(groups: list[Group]) -> None:
        results = score_in_all_ways(ways, model, groups)
        for way in ("tails", "warm", "trie"):
            for other, limit in (("plain", 1e-5), ("transformers", 1e-4)):
                pairs = zip(results[way], results[other], results["lengths"], strict=True)
                error = max(abs(got[0] - expected[0]) / length for got, expected, length in pairs)
                worst[other] = max(worst[other], error)
                assert error <= limit, (way, other)

    check()
    return worst


def main(checkpoint: Path, kind: str, output: Path, examples: int = 40) -> None:
    ways = Ways(checkpoint, kind)
    model = Reference(checkpoint, takes_images=kind == "images")
    if kind == "random":
        output.write_text(json.dumps(check_random_groups(ways, model, examples)))
        return
    if kind == "images":
        groups = image_groups(ways.engine.get_tokenizer())
    else:
        groups = text_groups() if kind == "text" else tiny_groups()
    output.write_text(json.dumps(score_in_all_ways(ways, model, groups)))


if __name__ == "__main__":
    restart_in_host_environment()
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
