"""The pages: what they show of the program is what it does, and every command in them runs."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from docs.generate import generated
from docs.pages import DOCS, Command, Page, masked, prepare, run
from fasteval.cli.foreign import take_foreign_flags
from fasteval.cli.group import group
from fasteval.cli.run import run as run_command
from fasteval.cli.settings import make_settings

if TYPE_CHECKING:
    from pathlib import Path

# Flags that are not the settings' business.
TRACKERS = ("wandb_args", "wandb_config_args", "wandb_log_samples", "hf_hub_log_args")
OUTPUT = ("quiet", "as_json", "verbosity", *TRACKERS)
PAGES = [Page.read(path) for path in sorted(DOCS.glob("*.md"))]
COMMANDS = [
    pytest.param(page, command, id=f"{page.path.name}:{command.line + 1}")
    for page in PAGES
    for command in page.commands
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with the pages' files, in which one real run has answered what the commands ask of the demo model."""
    folder = tmp_path_factory.mktemp("docs")
    environment = prepare(folder, PAGES)
    tasks = "easy_vqa,easy_vqa_mme,easy_vqa_choices"
    warm = Command(f"fasteval --model demo --tasks {tasks} --limit 200 --quiet", (), 0, "", 0, 0)
    exit_code, output = run(warm, folder, environment)
    assert 0 == exit_code, output
    return folder, environment


@pytest.mark.engine
@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_runs_and_prints_what_the_page_shows(
    work: tuple[Path, dict[str, str]], page: Page, command: Command
) -> None:
    if command.parse_only:
        assert words_of(command)
        return
    exit_code, output = run(command, *work)
    assert command.exit_code == exit_code, output
    if command.output:
        assert masked(command.output) == masked(output), "python -m docs.generate --captures writes them anew"


def words_of(command: Command) -> object:
    """Returns the settings that a command's flags make; raises where they are wrong."""
    words = [word for word in command.words if word not in ("-m", "fasteval", "run")]
    context = run_command.make_context("run", words)
    return make_settings(take_foreign_flags({k: v for k, v in context.params.items() if k not in OUTPUT}))


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_generated_pages_are_current(path: Path) -> None:
    assert generated()[path] == path.read_text("utf-8"), "python -m docs.generate writes them anew"


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\((\w+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} == linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_links_to_other_pages_lead_somewhere(page: Page) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.path.read_text("utf-8"))
    assert [] == [target for target in targets if not (DOCS / target).exists()]


def written_commands() -> list[tuple[str, str]]:
    """Returns (page, command) of the lines in indented blocks that are commands of fasteval."""
    return [
        (page.path.name, line.partition("  #")[0].strip())
        for page in PAGES
        for line in page.path.read_text("utf-8").splitlines()
        if line.startswith("    fasteval ")
    ]


@pytest.mark.parametrize(("page", "text"), written_commands())
def test_every_command_in_an_indented_block_parses(page: str, text: str) -> None:
    command: click.Command = group
    words = shlex.split(text.replace("…", ""))[1:]
    if words[0].startswith("-"):
        words = ["run", *words]
    with click.Context(group, info_name="fasteval") as context:
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        assert command.make_context(command.name, words, parent=context)
