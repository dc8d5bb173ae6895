"""Tasks that are Python classes, written against lm-eval's and lmms-eval's base class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval import compat
from fasteval.api.request import Kind
from fasteval.api.task import PromptOptions
from fasteval.errors import DocumentError
from tests.task_folders import load, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# In lm-eval's way: documents, requests and metrics come from methods, and `__init__` passes on next to nothing.
METHODS = """
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import ConfigurableTask

    class Methods(ConfigurableTask):
        VERSION = 7

        def __init__(self, config=None):
            super().__init__(config={"metadata": {"version": self.VERSION}})

        def has_training_docs(self):
            return True

        def has_validation_docs(self):
            return True

        def has_test_docs(self):
            return False

        def training_docs(self):
            return [{"q": "shown", "a": "example"}]

        def validation_docs(self):
            return [{"q": "one", "a": "x"}, {"q": "two", "a": "y"}]

        def doc_to_text(self, doc):
            return "Q: " + doc["q"]

        def doc_to_target(self, doc):
            return doc["a"]

        def construct_requests(self, doc, ctx, chat_template=None, apply_chat_template=False, **kwargs):
            return [
                Instance(request_type="generate_until", doc=doc, arguments=(ctx, {"until": ["."]}), idx=0, **kwargs),
                Instance(request_type="loglikelihood", doc=doc, arguments=(ctx, " none"), idx=0, **kwargs),
            ]

        def process_results(self, doc, results):
            text, (logprob, is_greedy) = results
            return {"own": float(text == doc["a"]), "logprob": logprob}

        def aggregation(self):
            return {"own": lambda values: sum(values) / len(values), "logprob": min}

        def higher_is_better(self):
            return {"own": True, "logprob": False}
    """
# In lmms-eval's way: the file has the fields, and the class sets its data set.
DOWNLOAD = """
    from datasets import Dataset, DatasetDict

    from lmms_eval.api.task import ConfigurableTask

    CALLS = []

    class Download(ConfigurableTask):
        def __init__(self, *args, config=None, **kwargs):
            config = dict(config)
            config.pop("class", None)
            super().__init__(*args, config=config, **kwargs)

        def download(self, dataset_kwargs=None):
            data = Dataset.from_list([{"q": dataset_kwargs["word"]}, {"q": "two"}])
            if self.config.metadata["processes"]:
                data = self.config.process_docs(data)
            self.dataset = DatasetDict({self.config.test_split: data})

        def doc_to_text(self, doc):
            return super().doc_to_text(doc) + "?"

        def process_results(self, doc, results):
            return super().process_results(doc, results) | {"length": len(results[0])}

    def process_docs(data):
        CALLS.append(data)
        return data.map(lambda doc: {"q": doc["q"] + "!"})
    """
FILE = """
    task: download
    class: !function utils.Download
    dataset_path: made/by_the_class
    dataset_kwargs: {word: one}
    test_split: test
    process_docs: !function utils.process_docs
    doc_to_text: "{{q}}"
    doc_to_target: q
    metric_list: [{metric: exact_match}]
    metadata: {processes: true}
    """


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    compat.remove_all()
    yield
    compat.remove_all()


def methods(folder: Path, utils: str = METHODS) -> fasteval.ConfigurableTask:
    return load(write(folder, {"m.yaml": "task: m\nclass: !function utils.Methods\n", "utils.py": utils}), "m")


class Model(fasteval.LMM):
    """Answers x, and finds every continuation equally likely."""

    fingerprint = "test_tasks_classes"

    def generate_until(self, requests: list[Any]) -> list[str]:
        return ["x" for _ in requests]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        return [(-2.0, False) for _ in requests]


def test_a_class_gives_its_documents_requests_and_metrics_by_methods(tmp_path: Path) -> None:
    task = methods(tmp_path)
    assert ("m", "validation", 7, ["one", "two"]) == (task.name, task.split, task.VERSION, [d["q"] for d in task.docs])
    generation, choice = task.document_requests(0, task.docs[0], PromptOptions(num_fewshot=1))
    assert "Q: shown example\n\nQ: one" == generation.prompt.text
    assert (Kind.GENERATE_UNTIL, {"until": ["."]}) == (generation.kind, generation.generation_kwargs)
    assert (Kind.LOGLIKELIHOOD, 1, " none") == (choice.kind, choice.slot, choice.continuation)
    assert generation.prompt is choice.prompt


def test_a_class_is_run_and_scored_by_its_own_methods(tmp_path: Path) -> None:
    methods(tmp_path)
    results = fasteval.evaluate(Model(), "m", include_path=[str(tmp_path)], no_cache=True, bootstrap_iters=0)
    scores = results.to_dict()["results"]["m"]
    assert (0.5, -2.0) == (scores["own,none"], scores["logprob,none"])


def test_options_of_a_run_hold_for_the_requests_that_a_class_makes(tmp_path: Path) -> None:
    task = methods(tmp_path)
    task.set_config("generation_kwargs", {"max_new_tokens": 3}, update=True)
    request = task.document_requests(0, task.docs[0], PromptOptions())[0]
    assert {"until": ["."], "max_new_tokens": 3} == request.generation_kwargs


def test_a_class_that_changes_the_context_is_refused_only_where_that_is_chat(tmp_path: Path) -> None:
    task = methods(tmp_path, METHODS.replace("(ctx, {", "(ctx + '!', {"))
    assert "Q: one!" == task.document_requests(0, task.docs[0], PromptOptions())[0].prompt.text
    with pytest.raises(DocumentError, match="construct_requests changes the context"):
        task.document_requests(0, task.docs[0], PromptOptions(apply_chat_template=True))


def test_a_classs_code_is_part_of_the_tasks_digest(tmp_path: Path) -> None:
    before = methods(tmp_path / "a").config.code_digest()
    assert before == methods(tmp_path / "b").config.code_digest()
    assert before != methods(tmp_path / "c", METHODS.replace("Q: ", "Question: ")).config.code_digest()


@pytest.mark.parametrize("processes", ["true", "false"])
def test_documents_that_a_class_downloads_are_processed_once(tmp_path: Path, processes: str) -> None:
    file = FILE.replace("processes: true", f"processes: {processes}")
    task = load(write(tmp_path, {"d.yaml": file, "utils.py": DOWNLOAD}), "download")
    assert ["one!", "two!"] == [doc["q"] for doc in task.docs]


def test_a_classs_methods_may_go_on_from_what_the_file_says(tmp_path: Path) -> None:
    task = load(write(tmp_path, {"d.yaml": FILE, "utils.py": DOWNLOAD}), "download")
    (request,) = task.document_requests(0, task.docs[0], PromptOptions())
    assert "one!?" == request.prompt.text
    assert {"exact_match": 1.0, "length": 4} == task.process_results(task.docs[0], ["one!"])
