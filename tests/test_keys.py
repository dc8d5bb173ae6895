"""Keys: whatever could change an answer makes another key, and nothing else does."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image, ImageDraw

import fasteval
from fasteval.api.task import PromptOptions
from fasteval.cache import ResponseCache
from fasteval.media import to_media
from fasteval.models.checkpoint.fingerprint import engine_fingerprint
from fasteval.models.engine_config import EngineConfig
from fasteval.models.replay import ReplayEngine
from fasteval.scheduling import make_plan
from fasteval.tasks import TaskManager
from tests.checkpoints import make_llama
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Callable

YAML = """
    task: pictures
    dataset_path: json
    dataset_kwargs: {data_files: {test: docs.jsonl}}
    test_split: test
    output_type: generate_until
    doc_to_visual: !function utils.visual
    doc_to_text: "{{question}}"
    doc_to_target: answer
    repeats: 2
    generation_kwargs: {max_new_tokens: 4, until: ["\\n"], temperature: 0.5, top_p: 0.9}
    metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
UTILS = """
from pathlib import Path

from PIL import Image

import fasteval_test_drawing


def visual(doc):
    return [fasteval_test_drawing.draw(Image.new("RGB", (8, 8), doc["color"]))]
"""
DRAWING = "def draw(image):\n    return image\n"
DOCS = [{"question": f"q{n}", "answer": "a", "color": color} for n, color in enumerate(("red", "blue", "red"))]


class World:
    """Everything that a key is made of, in a folder; `keys` makes a plan of it."""

    def __init__(self, folder: Path) -> None:
        self.tasks, self.modules = folder / "tasks", folder / "modules"
        self.tasks.mkdir()
        self.modules.mkdir()
        (self.tasks / "pictures.yaml").write_text(textwrap.dedent(YAML))
        (self.tasks / "utils.py").write_text(UTILS)
        (self.modules / "fasteval_test_drawing.py").write_text(DRAWING)
        self.docs = [dict(doc) for doc in DOCS]
        self.config = EngineConfig("vllm", make_llama(folder / "llama"), {"max_num_seqs": 8})
        self.options = PromptOptions()
        self.seed = 1
        self.offset = 0

    def keys(self) -> list[str]:
        """Returns the keys of all requests in document order."""
        (self.tasks / "docs.jsonl").write_bytes(b"\n".join(map(orjson.dumps, self.docs)))
        (name,) = (path.stem for path in self.tasks.glob("*.yaml"))
        task = TaskManager(include_path=[self.tasks]).load_task_or_group([name])[name]
        table = task.compile(self.options, offset=self.offset)
        plan = make_plan(table, ResponseCache.in_memory(), engine_fingerprint(self.config), seed=self.seed)
        return [key.tobytes().hex() for key in plan.keys]

    def edit(self, path: Path, old: str, new: str) -> None:
        """Changes a file's text."""
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def yaml(self, old: str, new: str) -> None:
        """Changes the task."""
        self.edit(self.tasks / "pictures.yaml", old, new)

    def engine(self, **fields: Any) -> None:
        """Changes the engine's configuration."""
        self.config = dataclasses.replace(self.config, **fields)

    def argument(self, name: str, value: Any) -> None:
        """Changes one argument of the engine."""
        self.engine(arguments={**self.config.arguments, name: value})

    def append(self, name: str, data: bytes = b" ") -> None:
        """Changes a file of the checkpoint, in its place."""
        with (self.config.checkpoint / name).open("ab") as file:
            file.write(data)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.syspath_prepend(str(made.modules))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return made


DETERMINING: dict[str, Callable[[World], Any]] = {
    # The model.
    "engine kind": lambda world: world.engine(backend="hf"),
    "weights": lambda world: world.append("model.safetensors"),
    "model configuration": lambda world: world.append("config.json"),
    "tokenizer": lambda world: world.append("tokenizer.json"),
    "tokenizer configuration": lambda world: world.append("tokenizer_config.json"),
    "chat template": lambda world: world.append("chat_template.jinja", b"{{ messages }}"),
    "chat template of the command": lambda world: world.engine(rendering="{{ messages }}"),
    "processor": lambda world: world.append("preprocessor_config.json", b"{}"),
    "generation defaults": lambda world: world.append("generation_config.json", b"{}"),
    "code of the checkpoint": lambda world: world.append("modeling.py", b"x = 1"),
    "dtype": lambda world: world.engine(dtype="float32"),
    "length": lambda world: world.engine(max_model_len=64),
    "quantisation": lambda world: world.argument("quantization", "fp8"),
    "dtype of the key-value cache": lambda world: world.argument("kv_cache_dtype", "fp8"),
    "adapter": lambda world: world.argument("enable_lora", True),
    "options of the processor": lambda world: world.argument("mm_processor_kwargs", {"max_pixels": 50}),
    "an argument that nobody knows yet": lambda world: world.argument("new_in_a_later_version", 1),
    # The request.
    "prompt": lambda world: world.yaml('"{{question}}"', '"{{question}}?"'),
    "system instruction": lambda world: setattr(world, "options", PromptOptions(system_instruction="Be brief.")),
    "colour of the picture": lambda world: [doc.update(color="green") for doc in world.docs],
    "code that makes the picture": lambda world: world.edit(world.tasks / "utils.py", "(8, 8)", "(9, 9)"),
    "another file of the task's folder": lambda world: (world.tasks / "more.py").write_text("x = 1"),
    "code that the task's code imports": lambda world: world.edit(
        world.modules / "fasteval_test_drawing.py", "return image", "return image.rotate(90)"
    ),
    # The sampling.
    "longest answer": lambda world: world.yaml("max_new_tokens: 4", "max_new_tokens: 5"),
    "stop text": lambda world: world.yaml('until: ["\\n"]', 'until: ["."]'),
    "temperature": lambda world: world.yaml("temperature: 0.5", "temperature: 0.6"),
    "nucleus": lambda world: world.yaml("top_p: 0.9", "top_p: 0.8"),
    "penalty": lambda world: world.yaml("top_p: 0.9", "top_p: 0.9, repetition_penalty: 1.1"),
    "greedy": lambda world: world.yaml("temperature: 0.5", "temperature: 0"),
    "seed of the run": lambda world: setattr(world, "seed", 2),
    "seed of the task": lambda world: world.yaml("top_p: 0.9", "top_p: 0.9, seed: 7"),
}


@pytest.mark.parametrize("part", DETERMINING)
def test_a_part_that_determines_the_answer_changes_every_key(world: World, part: str) -> None:
    before = world.keys()
    DETERMINING[part](world)
    assert set() == set(before) & set(world.keys())


def moved(world: World) -> None:
    world.engine(checkpoint=Path(shutil.copytree(world.config.checkpoint, world.tasks.parent / "elsewhere")))


def renamed(world: World) -> None:
    world.yaml("task: pictures", "task: images\ntask_alias: Images\nmetadata: {version: 3}")
    (world.tasks / "pictures.yaml").rename(world.tasks / "images.yaml")


def committed(world: World) -> None:
    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"],
    ):
        subprocess.run(["git", *command], cwd=world.tasks, check=True)


IRRELEVANT: dict[str, Callable[[World], Any]] = {
    "batch size": lambda world: world.argument("max_num_seqs", 1),
    "tokens a batch": lambda world: world.argument("max_num_batched_tokens", 512),
    "tensor parallel size": lambda world: world.argument("tensor_parallel_size", 2),
    "replicas": lambda world: world.argument("data_parallel_size", 2),
    "block size": lambda world: world.argument("block_size", 64),
    "memory": lambda world: world.argument("gpu_memory_utilization", 0.5),
    "prefix caching": lambda world: world.argument("enable_prefix_caching", False),
    "place of the checkpoint": moved,
    "what nobody reads of it": lambda world: world.append("README.md"),
    "seed of the engine": lambda world: world.engine(seed=5),
    "task name": renamed,
    "metric": lambda world: world.yaml("metric: exact_match", "metric: anls"),
    "target": lambda world: world.yaml("doc_to_target: answer", "doc_to_target: question"),
    "git commit": committed,
    "time of the files": lambda world: os.utime(world.tasks / "utils.py", (1, 1)),
}


@pytest.mark.parametrize("part", IRRELEVANT)
def test_a_part_that_does_not_matter_changes_no_key(world: World, part: str) -> None:
    before = world.keys()
    IRRELEVANT[part](world)
    assert before == world.keys()


def test_the_order_of_documents_and_their_numbers_do_not_matter(world: World) -> None:
    before = world.keys()
    world.docs.reverse()
    assert sorted(before) == sorted(world.keys())
    world.offset = 1
    assert set(world.keys()) < set(before)


def test_each_repeat_of_a_sampled_answer_has_a_key_of_its_own(world: World) -> None:
    keys = world.keys()
    assert len(keys) == 2 * len(DOCS) == len(set(keys))


def test_a_model_with_other_weights_at_the_same_path_is_noticed(world: World) -> None:
    weights = world.config.checkpoint / "model.safetensors"
    before, status, data = world.keys(), weights.stat(), bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time
    assert set() == set(before) & set(world.keys())


def test_a_box_drawn_on_a_picture_changes_its_content_id(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "white").save(tmp_path / "a.png")
    plain, boxed, same = (Image.open(tmp_path / "a.png") for _ in range(3))
    ImageDraw.Draw(boxed).rectangle((2, 2, 9, 9), outline="red")
    assert to_media(plain).content_id == to_media(same).content_id != to_media(boxed).content_id


RUNS: dict[str, dict[str, Any]] = {
    "window": {"window": 1},
    "order": {"shuffle_seed": 3},
    "seed of the bootstrap": {"bootstrap_iters": 3},
    "output path": {"output_path": "out"},
    "how the answer is judged": {"predict_only": True},
}


@pytest.mark.parametrize("part", RUNS)
def test_a_second_run_that_differs_in_what_does_not_matter_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    assert 6 == sent(world)
    monkeypatch.chdir(world.tasks.parent)
    assert 0 == sent(world, **RUNS[part])


def test_sampled_answers_are_drawn_again_where_the_cache_is_not_to_have_them(world: World) -> None:
    assert 6 == sent(world, cache_sampled=False)
    assert 6 == sent(world)
    assert 6 == sent(world, cache_sampled=False)
    assert 0 == sent(world)


def test_two_models_never_share_an_answer(world: World) -> None:
    assert [6, 6, 0, 0] == [sent(world, model=model) for model in ("vllm x", "hf x", "vllm x", "hf x")]


def sent(world: World, *, model: str = "model", **options: Any) -> int:
    """Returns how many requests a run had to send."""
    world.keys()  # writes the documents
    engine = ReplayEngine(echo, fingerprint=model)
    fasteval.evaluate(engine, "pictures", include_path=(str(world.tasks),), **options)
    return len(engine.requests)


def test_arrays_of_keys_are_what_they_say(world: World) -> None:
    task = TaskManager(include_path=[world.tasks])
    world.keys()
    table = task.load_task_or_group(["pictures"])["pictures"].compile(world.options)
    plan = make_plan(table, ResponseCache.in_memory(), "m", seed=0)
    assert (np.dtype(np.uint8), (6, 16)) == (plan.keys.dtype, plan.keys.shape)
