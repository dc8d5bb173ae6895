"""Names, tags, patterns, paths and groups."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from fasteval.errors import TaskFileError, UnknownNameError, UsageError
from fasteval.tasks import ConfigurableTask, TaskManager
from tests.task_folders import PLAIN, SHARED, UTILS, make, write

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = "dataset_path: json\ntest_split: test\ndoc_to_text: a\ndoc_to_target: b\n"


def test_a_file_with_a_task_is_a_task_and_one_with_a_list_of_them_a_group() -> None:
    manager = TaskManager(SHARED)
    assert {"sums", "sums_fewshot", "sums_choices", "winners"} <= set(manager.all_tasks)
    assert "arithmetic" in manager.all_groups
    assert not {"arithmetic", "inner"} & set(manager.all_tasks)


def test_the_library_is_always_there() -> None:
    assert "mme" in TaskManager().all_tasks


def test_tags_of_an_included_template_count(tmp_path: Path) -> None:
    files = {
        "a.yaml": f"task: a\ntag: [one, two]\n{MINIMAL}",
        "b.yaml": "task: b  # a comment\ninclude: base\n",
        "base": f"tag: two\n{MINIMAL}",
        "c.yaml": f"task: c\ngroup: one\n{MINIMAL}",
        "template.yaml": MINIMAL,
    }
    manager = TaskManager(write(tmp_path, files))
    assert ["one", "sums", "two"] == sorted({*manager.all_tags, *TaskManager(SHARED).all_tags})
    assert ["a", "c"] == list(manager.load_task_or_group("one"))
    assert ["a", "b"] == list(manager.load_task_or_group(["two"]))


def test_names_patterns_and_paths_come_in_the_order_in_which_they_are_asked_for(tmp_path: Path) -> None:
    manager = TaskManager(SHARED)
    assert ["winners", "sums"] == list(manager.load_task_or_group(["winners", "sums", "winners"]))
    assert ["sums_choices", "sums_fewshot"] == list(manager.load_task_or_group(["sums_*"]))
    make(tmp_path)
    assert ["plain", "sums"] == list(manager.load_task_or_group([str(tmp_path / "plain.yaml"), "sums"]))
    assert ["plain"] == list(manager.load_task_or_group(tmp_path))


def test_a_task_can_be_a_mapping() -> None:
    settings = {"task": "here", "dataset_path": "json", "test_split": "test", "doc_to_text": "q", "doc_to_target": "a"}
    assert ["here"] == list(TaskManager().load_task_or_group(settings))


def test_a_group_has_members_tasks_and_metrics_of_its_own() -> None:
    manager = TaskManager(SHARED)
    tasks = manager.load_task_or_group(["arithmetic"])
    group = manager.groups["arithmetic"]
    assert ["sums", "sums_fewshot", "sums_choices"] == list(tasks)
    assert ("sums", "sums_fewshot", "inner") == group.members
    assert tuple(tasks) == group.tasks
    assert ("Arithmetic", 3) == (group.alias, group.version)
    assert ("sums_choices",) == manager.groups["inner"].tasks
    [metric] = group.aggregate_metric_list
    assert ("exact_match", "mean", False, ("none",)) == (
        metric.metric,
        metric.aggregation,
        metric.weight_by_size,
        metric.filter_list,
    )
    assert ["inner", "arithmetic"] == list(manager.groups)


def test_a_group_changes_settings_of_its_tasks() -> None:
    tasks = TaskManager(SHARED).load_task_or_group(["arithmetic"])
    assert (1, "sums with examples") == (tasks["sums_fewshot"].num_fewshot, tasks["sums_fewshot"].alias)


def test_one_task_with_two_settings_is_refused() -> None:
    with pytest.raises(UsageError, match="'sums_fewshot' is asked for twice, with different settings"):
        TaskManager(SHARED).load_task_or_group(["sums_fewshot", "arithmetic"])


@pytest.mark.parametrize(
    ("message", "group"),
    [
        ("group.yaml:3: weigth: unknown field of a group", "group: g\ntask: [a]\nweigth: 1\n"),
        ("group.yaml:2: task: expected a name", "group: g\ntask: [{x: a}]\n"),
        ("group.yaml:2: task: the group 'g' contains itself", "group: g\ntask: [g]\n"),
        (
            "aggregate_metric_list: unknown key 'agregation'",
            "group: g\ntask: [a]\naggregate_metric_list: [{metric: m, agregation: mean}]\n",
        ),
        (
            "aggregate_metric_list: the aggregation is",
            "group: g\ntask: [a]\naggregate_metric_list: {metric: m, aggregation: max}\n",
        ),
    ],
)
def test_a_wrong_group_says_file_line_and_field(tmp_path: Path, message: str, group: str) -> None:
    write(tmp_path, {"group.yaml": group, "a.yaml": f"task: a\n{MINIMAL}"})
    with pytest.raises(TaskFileError) as caught:
        TaskManager(tmp_path).load_task_or_group(["g"])
    assert message in str(caught.value)


def test_an_unknown_name_offers_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'summs': did you mean 'sums'\?"):
        TaskManager(SHARED).load_task_or_group(["summs"])


@pytest.mark.parametrize("name", ["x" * 5000, "nobody/" * 2000, "a\0b", "~nobody-has-this-name/tasks"])
def test_a_name_that_no_file_can_have_is_an_unknown_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task"):
        TaskManager().load_task_or_group([name])


@pytest.mark.parametrize("field", ["include: ", "doc_to_text: !function "])
def test_a_file_that_no_disk_can_have_is_a_fault_of_the_task_that_names_it(tmp_path: Path, field: str) -> None:
    (tmp_path / "far.yaml").write_text(f"task: far\n{field}{'x' * 5000}.y\n")
    with pytest.raises(TaskFileError, match=r"far\.yaml"):
        TaskManager(tmp_path).load_task_or_group(["far"])


def test_a_pattern_that_fits_nothing_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError):
        TaskManager(SHARED).load_task_or_group(["nothing*"])


def test_a_folder_of_ones_own_replaces_names_of_the_library_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"mme.yaml": f"task: mme\n{MINIMAL}"})
    with caplog.at_level(logging.INFO):
        manager = TaskManager(str(tmp_path))
    assert any(message.startswith(f"{tmp_path}/mme.yaml: 'mme' replaces the one of") for message in caplog.messages)
    assert "json" == manager.load_task_or_group(["mme"])["mme"].config.dataset_path


def test_a_name_that_one_folder_gives_twice_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, {"a.yaml": f"task: a\n{MINIMAL}", "b.yaml": f"task: a\ntag: late\n{MINIMAL}"})
    assert [] == TaskManager(tmp_path).all_tags
    assert [f"{tmp_path}/b.yaml: 'a' is defined in {tmp_path}/a.yaml already; this file is left out"] == caplog.messages


def test_a_broken_file_hides_no_other_and_is_found_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "task: a\ntag: [x\n", "b.yaml": f"task: b\n{MINIMAL}"})
    manager = TaskManager(tmp_path)
    assert ["b"] == list(manager.load_task_or_group(["b"]))
    with pytest.raises(TaskFileError, match=r"a.yaml:\d+: not YAML"):
        manager.load_task_or_group(["a"])


def test_looking_for_names_runs_no_code(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": f"include: base\ntask: a\n{MINIMAL}", "base": "process_docs: !function utils.f\n"})
    write(tmp_path, {"utils.py": "raise RuntimeError('must not run')\n"})
    assert "a" in TaskManager(tmp_path).all_tasks


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder of tasks"):
        TaskManager(tmp_path / "nothing")


def test_a_task_can_be_a_class_of_its_folder(tmp_path: Path) -> None:
    utils = """
        from fasteval.tasks import ConfigurableTask

        class Loud(ConfigurableTask):
            def doc_to_text(self, doc):
                return super().doc_to_text(doc).upper()

        class Other:
            pass
        """
    task = make(tmp_path, "class: !function utils.Loud\n", utils)
    assert isinstance(task, ConfigurableTask)
    assert "Q0" == task.doc_to_text(task.docs[0])
    with pytest.raises(TaskFileError, match=r"class: .* is not a subclass of fasteval\.ConfigurableTask"):
        make(tmp_path, "class: !function utils.Other\n", utils)


def test_loading_tasks_loads_no_data(tmp_path: Path) -> None:
    write(tmp_path, {"plain.yaml": PLAIN, "utils.py": UTILS.replace("def load():", "def load():\n    1 / 0")})
    assert ["plain"] == list(TaskManager(tmp_path).load_task_or_group("plain"))
