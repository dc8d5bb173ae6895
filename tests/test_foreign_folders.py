"""Folders written for lmms-eval and lm-eval: they load as they are, one by one, and say what they lack."""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
import types
from typing import TYPE_CHECKING, Any

import pytest

from fasteval import compat
from fasteval.cli import main
from fasteval.errors import MissingPackageError, TaskFileError, UnsupportedError
from fasteval.tasks import TaskManager
from fasteval.tasks.index import TaskIndex
from fasteval.tasks.validation import validate
from tests.task_folders import load, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UTILS = """
    from loguru import logger as eval_logger
    from lmms_eval.filters.extraction import ExtendedRegexFilter
    from lmms_eval.tasks._task_utils.file_utils import generate_submission_file
    import lmms_eval.tasks._task_utils.file_utils as file_utils
    from lmms_eval.tasks.shared.helpers import question

    CALLS = []

    class Letters(ExtendedRegexFilter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

        def apply(self, resps, docs):
            return [[self.filter_ignores(answer) for answer in answers] for answers in resps]

    def documents():
        return {"test": [{"q": "one", "a": "1"}]}

    def doc_to_text(doc):
        CALLS.append(doc)
        return question(doc) + str(len(CALLS))

    def process_results(doc, results):
        from lmms_eval.utils import sanitize_model_name

        eval_logger.info("{} calls", len(CALLS))
        return {"score": len(CALLS), "name": sanitize_model_name("a/b")}

    def aggregate(values, args):
        return generate_submission_file("x.json", args)
    """
FOLDER = {
    "first/_default_template_yaml": """
        custom_dataset: !function utils.documents
        test_split: test
        doc_to_text: !function utils.doc_to_text
        doc_to_target: a
        process_results: !function utils.process_results
        metric_list: [{metric: score, aggregation: !function utils.aggregate}]
        filter_list: [{name: letters, filter: [{function: !function utils.Letters, ignore_case: true}]}]
        tag: shared_tag
        """,
    "first/first.yaml": "task: first\ninclude: _default_template_yaml\n",
    "first/utils.py": UTILS,
    "second/second.yaml": "include: ../first/_default_template_yaml\ntask: second # the second\n",
    "shared/helpers.py": "from .words import WORD\n\ndef question(doc):\n    return WORD + doc['q']\n",
    "shared/words.py": "WORD = 'Count: '\n",
}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    compat.remove_all()
    yield
    compat.remove_all()


def failure(folder: Path, name: str) -> TaskFileError:
    with pytest.raises(TaskFileError) as caught:
        load(folder, name)
    return caught.value


def test_a_folder_for_lmms_eval_loads_as_it_is(tmp_path: Path) -> None:
    task = load(write(tmp_path, FOLDER), "second")
    (doc,) = task.docs
    assert "Count: one1" == task.doc_to_text(doc)
    # Each reference runs its module anew: scoring does not see what the prompt's copy of the module counted.
    assert {"score": 0} == {"score": task.process_results(doc, ["x"])["score"]}
    assert ["shared_tag"] == list(TaskManager(tmp_path).all_tags)[-1:]


def test_a_folder_for_lm_eval_loads_as_it_is(tmp_path: Path) -> None:
    files = {
        "own.yaml": """
            task: own
            dataset_path: json
            validation_split: validation
            output_type: multiple_choice
            doc_to_text: "{{q}}"
            doc_to_target: 0
            doc_to_choice: [a, b]
            metric_list:
              - {metric: f1, aggregation: !function utils.weighted_f1_score, average: weighted, ignore_case: true}
              - {metric: acc_bytes, weight_by_size: true}
            """,
        "utils.py": "from lm_eval.api.registry import register_filter\nfrom lm_eval.api.filter import Filter\n"
        "@register_filter('test_foreign_filter')\nclass Own(Filter):\n"
        "    def apply(self, resps, docs):\n        return resps\n",
    }
    task = load(write(tmp_path, files), "own")
    assert {"f1", "acc_bytes"} == set(task.aggregation())
    assert 1.0 == task.aggregation()["f1"]([(0, 0), (1, 1)])


def test_a_part_of_a_checkout_finds_the_modules_beside_it(tmp_path: Path) -> None:
    tasks = write(tmp_path / "lmms_eval" / "tasks", FOLDER)
    assert "Count: one1" == load(tasks / "first", "first").doc_to_text({"q": "one"})


def test_names_are_those_of_the_folder_that_was_added_last(tmp_path: Path) -> None:
    for word in ("a", "b"):
        folder = write(tmp_path / word, FOLDER | {"shared/words.py": f"WORD = '{word}'\n"})
        assert f"{word}one1" == load(folder, "first").doc_to_text({"q": "one"})


def test_a_real_package_that_is_imported_already_is_said_and_stops_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lmms_eval", types.ModuleType("lmms_eval"))
    assert "the package 'lmms_eval' is imported in this process already" in str(
        failure(write(tmp_path, FOLDER), "first")
    )


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    files = {"own.yaml": "task: own\ndoc_to_text: !function utils.f\n", "utils.py": "import bs4_not_there.deep\n"}
    error = failure(write(tmp_path, files), "own")
    assert isinstance(error, MissingPackageError)
    assert "bs4_not_there" == error.package
    assert str(error).startswith(f"{tmp_path}/own.yaml:2: doc_to_text: ")
    assert str(error).endswith("utils.py needs the package 'bs4_not_there': pip install bs4_not_there")


@pytest.mark.parametrize(
    ("package", "code"),
    [
        ("not_there", "try:\n    from not_there import tool\nexcept ImportError:\n    pass\n@tool\ndef f(doc): pass"),
        ("not_there", "try:\n    import not_there as tool\nexcept ImportError as e:\n    pass\ntool.use()"),
        ("not_there", "raise ImportError('this requires the not_there Python package, provided by pip')"),
        ("not-there", "raise Exception(\"Please install it via 'pip install not-there'.\")"),
        ("a_namespace", "from a_namespace import part"),
    ],
)
def test_a_package_is_known_to_be_missing_however_the_code_finds_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, code: str
) -> None:
    (tmp_path / "path" / "a_namespace").mkdir(parents=True)  # as packages share them: another part is not installed
    monkeypatch.syspath_prepend(tmp_path / "path")
    error = failure(
        write(tmp_path / "tasks", {"own.yaml": "task: own\ndoc_to_text: !function utils.f\n", "utils.py": code}), "own"
    )
    assert isinstance(error, MissingPackageError)
    assert package == error.package


def test_a_name_that_is_simply_wrong_is_no_missing_package(tmp_path: Path) -> None:
    files = {"own.yaml": "task: own\ndoc_to_text: !function utils.f\n", "utils.py": "import json\nx = jsn.loads\n"}
    assert "utils.py raised NameError: name 'jsn' is not defined" in str(failure(write(tmp_path, files), "own"))


def test_a_file_that_a_copied_folder_lacks_is_read_from_the_only_other_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
    with open(__file__.replace('utils.py', 'words.yaml')) as file:
        WORD = file.read()
    def doc_to_text(doc): return WORD
    """
    files = {"copy/copy.yaml": "task: copy\n" + textwrap.dedent(FOLDER["first/_default_template_yaml"])}
    files |= {"copy/utils.py": UTILS + "\n" + code, "original/words.yaml": "word: hello"}
    assert "word: hello" == load(write(tmp_path, FOLDER | files), "copy").doc_to_text({"q": "one"})
    assert f"{tmp_path}/original/words.yaml is read in its place" in caplog.text
    compat.remove_all()
    write(tmp_path, {"another/words.yaml": "word: which?"})
    assert "utils.py raised FileNotFoundError" in str(failure(tmp_path, "copy"))


def test_a_name_that_is_not_supplied_is_said_and_no_package_is_advised(tmp_path: Path) -> None:
    files = {"own.yaml": "task: own\ndoc_to_text: !function utils.f\n", "utils.py": "import lmms_eval.models\n"}
    error = failure(write(tmp_path, files), "own")
    assert "utils.py needs 'lmms_eval.models', which fasteval does not supply" in str(error)
    assert "pip install" not in str(error)


def test_code_that_ends_the_program_is_an_error_of_its_task(tmp_path: Path) -> None:
    files = {"own.yaml": "task: own\ndoc_to_text: !function utils.f\n", "utils.py": "raise SystemExit(3)\n"}
    assert "utils.py raised SystemExit: 3" in str(failure(write(tmp_path, files), "own"))


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Returns exit code and output of `fasteval tasks validate`."""
    code = main(["tasks", "validate", *arguments])
    return code, capsys.readouterr().out


BROKEN = FOLDER | {
    "b1.yaml": "task: missing_package\ninclude: first/_default_template_yaml\ndoc_to_text: !function lacks.f\n",
    "b2.yaml": "task: missing_function\ninclude: first/_default_template_yaml\ndoc_to_text: !function first/utils.g\n",
    "b3.yaml": "task: unknown_field\ninclude: first/_default_template_yaml\ndoc_to_taget: a\n",
    "b4.yaml": "task: not_yaml\na: [\n",
    "b5.yaml": "group: a_group\ntask: [first, nobody]\n",
    "lacks.py": "import not_installed_here\n",
}


def test_broken_neighbours_leave_the_others_alone(tmp_path: Path) -> None:
    manager = TaskManager(write(tmp_path, BROKEN))
    result = validate(manager, manager.names_below(tmp_path))
    assert ["first", "second"] == result.ok
    assert ["a_group", "missing_function", "missing_package", "not_yaml", "unknown_field"] == [
        entry.task for entry in result.failed
    ]
    assert ["not_installed_here", None] == list(result.by_package())
    assert ["first"] == list(manager.load_task_or_group("first"))


def test_the_command_validates_a_folder_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = command(capsys, "--include_path", str(write(tmp_path, BROKEN)), "--json")
    printed: dict[str, Any] = json.loads(output)
    assert 1 == code
    assert 2 == printed["ok"]
    assert {"task", "file", "reason"} == set(printed["failed"][0])
    assert str(tmp_path / "b1.yaml") in [entry["file"] for entry in printed["failed"]]


def test_the_command_groups_failures_by_package_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, output = command(capsys, "--include_path", str(write(tmp_path, BROKEN)))
    lines = output.splitlines()
    assert "1 needs the package 'not_installed_here': pip install not_installed_here" == lines[0]
    assert "2 ok, 5 failed" == lines[-1]


def test_the_command_validates_names_and_patterns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, BROKEN)
    assert (0, "2 ok, 0 failed\n") == command(capsys, "fir*", "second", "--include_path", str(tmp_path))


def test_code_that_prints_does_not_spoil_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = FOLDER | {"first/utils.py": "print('hello')\n" + "\n".join(line[4:] for line in UTILS.splitlines())}
    _, output = command(capsys, "--include_path", str(write(tmp_path, files)), "--json")
    assert {"ok": 2, "failed": []} == json.loads(output)


def test_of_two_files_with_a_name_the_first_in_the_order_of_paths_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"b.yaml": "task: same\n", "a/x.yaml": "task: same\n", "a.yaml": "task: same\n"})
    index = TaskIndex.of_folders([tmp_path])
    assert {"same": str(tmp_path / "a.yaml")} == index.tasks
    assert [tmp_path / "b.yaml", tmp_path / "a" / "x.yaml"] == [entry.file for entry in index.duplicates]
    assert f"{tmp_path}/b.yaml: 'same' is defined in {tmp_path}/a.yaml already; this file is left out" in caplog.text


def test_a_name_of_an_earlier_folder_is_replaced_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [write(tmp_path / name, {"x.yaml": "task: same\n"}) for name in ("a", "b")]
    assert {"same": str(folders[1] / "x.yaml")} == TaskIndex.of_folders(folders).tasks
    assert f"'same' replaces the one of {folders[0]}/x.yaml" in caplog.text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("name", "task: name\n"),
        ("name", "\ufefftask: name  # a comment\n"),
        ("a name", "task: 'a name'\n"),
        ("name", "{task: name}\n"),
        ("name", '"task": name\n'),
        ("name", "doc_to_text: |\n  task: other\ntask: name\n"),
        ("name", 'doc_to_text: "x\ntask: other"\ntask: name\n'),
        ("2024", "task: '2024'\n"),
        ("name", "base: &base {task: name}\n<<: *base\n"),
    ],
)
def test_names_are_found_however_the_file_writes_them(tmp_path: Path, expected: str, text: str) -> None:
    assert [expected] == list(TaskIndex.of_folders([write(tmp_path, {"x.yaml": text})]).tasks)


@pytest.mark.parametrize("text", ["task: null\n", "task:\n", "dataset_path: x\n", "# task: x\n", ""])
def test_a_file_without_a_name_defines_nothing(tmp_path: Path, text: str) -> None:
    assert [] == TaskIndex.of_folders([write(tmp_path, {"x.yaml": text})]).names()


@pytest.mark.parametrize("text", ["task: [a]", "task:\n- a", "task:\n  # first\n\n  - a", "task:\n  - {task: a}"])
def test_a_list_of_tasks_is_a_group(tmp_path: Path, text: str) -> None:
    assert ["g"] == list(TaskIndex.of_folders([write(tmp_path, {"x.yaml": f"group: g\n{text}\n"})]).groups)


def test_the_index_follows_the_files(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.yaml": "task: a\n", "b.yaml": "include: base\ntask: b\n", "base": "tag: old\n"})
    assert {"old": ["b"]} == TaskIndex.of_folders([folder]).tags
    write(folder, {"a.yaml": "task: longer\n", "base": "tag: newer\n", "c.yaml": "task: c\n"})
    (folder / "b.yaml").write_text("include: base\ntask: bb\n")
    index = TaskIndex.of_folders([folder])
    assert (["longer", "bb", "c"], {"newer": ["bb"]}) == (list(index.tasks), index.tags)
    (folder / "c.yaml").unlink()
    assert ["longer", "bb"] == list(TaskIndex.of_folders([folder]).tasks)


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TaskIndex.of_folders([write(tmp_path, FOLDER)])

    def fail(path: Path) -> Any:
        raise AssertionError(path)

    monkeypatch.setattr("fasteval.tasks.indexstore.scan_file", fail)
    assert ["first", "second"] == list(TaskIndex.of_folders([tmp_path]).tasks)


def test_a_spoilt_index_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path / "cache"))
    folder = write(tmp_path / "tasks", FOLDER)
    TaskIndex.of_folders([folder])
    (file,) = (tmp_path / "cache" / "task_index").iterdir()
    file.write_bytes(b"{")
    assert ["first", "second"] == list(TaskIndex.of_folders([folder]).tasks)


def test_an_index_that_cannot_be_kept_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path / "file"))
    assert ["first", "second"] == list(TaskIndex.of_folders([write(tmp_path / "tasks", FOLDER)]).tasks)


def test_the_stand_in_for_loguru_writes_to_python_s_logging(caplog: pytest.LogCaptureFixture) -> None:
    from fasteval.compat.loguru import logger

    with caplog.at_level(logging.DEBUG, "fasteval.tasks.foreign"):
        logger.info("{} of {n}", 1, n=2)
        logger.warning("{as it is}")
        logger.bind(x=1).success("done")
    assert ["1 of 2", "{as it is}", "done"] == caplog.messages


def test_the_stand_in_for_sklearn_is_equal_to_it_where_it_answers() -> None:
    from fasteval.compat.sklearnmetrics import accuracy_score, f1_score
    from fasteval.errors import UnsupportedError

    truths, answers = [0, 1, 1, 0, 2], [0, 1, 0, 0, 1]
    assert 0.6 == accuracy_score(truths, answers)
    # The values are those of scikit-learn 1.5.
    assert pytest.approx(0.4333333) == f1_score(truths, answers, average="macro")
    assert pytest.approx(0.52) == f1_score(truths, answers, average="weighted")
    assert pytest.approx(0.6) == f1_score(truths, answers, average="micro")
    assert pytest.approx(0.5) == f1_score([0, 1, 1], [1, 1, 0])
    with pytest.raises(UnsupportedError, match="needs scikit-learn"):
        f1_score(truths, answers, average="samples")


def test_a_function_that_the_folder_lacks_is_taken_from_the_one_above(tmp_path: Path) -> None:
    variant = {
        "base/variant/variant.yaml": "task: variant\n" + textwrap.dedent(FOLDER["first/_default_template_yaml"]),
        "base/variant/utils.py": UTILS.replace("def doc_to_text", "def another"),
        "base/utils.py": UTILS.replace("question(doc) +", "'Above: ' +"),
    }
    task = load(write(tmp_path, FOLDER | variant), "variant")
    assert "Above: 1" == task.doc_to_text({"q": "one"})


def test_a_judges_client_that_is_made_on_loading_finds_a_key_that_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    utils = UTILS + "\n    import os\n    KEY = os.environ['OPENAI_API_KEY']\n    def aggregate(values): return KEY\n"
    task = load(write(tmp_path, FOLDER | {"first/utils.py": utils}), "first")
    assert "OPENAI_API_KEY-is-not-set" == task.aggregation()["score"]([])
    assert "OPENAI_API_KEY" not in os.environ


def test_azures_credentials_load_and_are_refused_where_they_are_used(tmp_path: Path) -> None:
    utils = (
        UTILS + "\n    from azure.identity import AzureCliCredential\n    def aggregate(values): AzureCliCredential()\n"
    )
    task = load(write(tmp_path, FOLDER | {"first/utils.py": utils}), "first")
    with pytest.raises(UnsupportedError, match="pip install azure-identity"):
        task.aggregation()["score"]([])


def test_reasoning_is_removed_by_lmms_evals_name_for_it() -> None:
    from fasteval.compat.thinking import parse_reasoning_tags_config, strip_reasoning_tags

    assert "B" == strip_reasoning_tags("<t>A</t> B", [["<t>", "</t>"]])
    assert parse_reasoning_tags_config("none") is None
    assert [["<t>", "</t>"]] == parse_reasoning_tags_config('[["<a>", "</a>"]]', [["<t>", "</t>"]])


def test_direction_may_be_left_open_and_a_groups_metrics_have_no_effect(tmp_path: Path) -> None:
    open_direction = FOLDER["first/_default_template_yaml"].replace(
        "{metric: score,", "{metric: score, higher_is_better: null,"
    )
    group = "group: both\ntask: [first, second]\nmetric_list: [{metric: score}]\n"
    write(tmp_path, FOLDER | {"first/_default_template_yaml": open_direction, "both.yaml": group})
    manager = TaskManager(tmp_path)
    assert {"score": True} == manager.load_task_or_group("both")["first"].higher_is_better()
