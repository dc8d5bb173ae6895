"""`fasteval run`: evaluate a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.config import use_config
from fasteval.cli.foreign import foreign_flags, take_foreign_flags
from fasteval.cli.logs import LEVELS, set_verbosity
from fasteval.cli.output import complain
from fasteval.cli.parameters import FlagCommand, arguments, flag, limit, names, seeds, switch, tags
from fasteval.cli.prompting import prompt_flags
from fasteval.cli.settings import flat, make_settings
from fasteval.cli.tasks import LISTINGS, print_listing

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fasteval.evaluation.observer import Observer
    from fasteval.evaluation.settings import RunSettings
    from fasteval.results.model import Results

__all__ = ["EXIT_INCOMPLETE", "evaluate_and_save", "run", "save_and_print"]

#: Exit code of a run that ended, while some documents have no score.
EXIT_INCOMPLETE = 3
_MAX_REASONS = 5


@click.command(cls=FlagCommand)
@click.option(
    "--config",
    "-C",
    callback=use_config,
    is_eager=True,
    expose_value=False,
    metavar="FILE",
    help="YAML file of flags, or a results file whose run is repeated; explicit flags win.",
)
@flag("--model", "-m", "-M", help="A name (`fasteval models`), or path/to/file.py:Class.")
@flag(
    "--model_args",
    "-a",
    type=arguments,
    multiple=True,
    default=(),
    metavar="NAME=VALUE",
    help="Arguments of the model: pretrained=….",
)
@flag("--tasks", "-t", type=names, multiple=True, default=(), help="Tasks, groups, tags, patterns, YAML files; `list`.")
@prompt_flags
@flag("--limit", "-L", type=limit, metavar="NUMBER", help="Documents a task; below 1 a share of them; -1 all.")
@flag("--offset", type=int, help="Documents to skip before the limit counts.")
@flag(
    "--gen_kwargs",
    type=arguments,
    multiple=True,
    default=(),
    metavar="NAME=VALUE",
    help="Generation kwargs that override the tasks'.",
)
@flag("--repeats", "--num_samples", "-n", type=int, help="Answers a document.")
@flag("--reasoning_tags", type=tags, help='Tags whose content is removed before scoring: [["<a>", "</a>"]], or none.')
@flag("--predict_only", "-x", type=switch, help="Answers without metrics.")
@flag("--output_path", "-o", metavar="PATH", help="Folder (or .json file) for the results.")
@flag("--log_samples", "-s", type=switch, help="Write the samples too (default: true).")
@flag("--report", type=switch, help="Write the report too, an HTML file (default: true).")
@flag("--layout", metavar="NAME", help="Name and shape the files as `lmms-eval` or `lm-eval` do (default: fasteval).")
@flag("--use_cache", "-c", metavar="FOLDER", help="Folder of the response cache (default: the user's).")
@flag("--no_cache", type=switch, help="Read no earlier response, and keep none.")
@flag("--cache_sampled", type=switch, help="Keep sampled responses too, by the seed of each (default: true).")
@flag(
    "--cache_requests",
    type=click.Choice(["true", "false", "refresh", "delete"], case_sensitive=False),
    is_flag=False,
    flag_value="true",
    help="Keep compiled requests on disk.",
)
@flag("--rewrite_requests_cache", type=switch, help="Compile the requests again and replace what is kept.")
@flag("--seed", type=seeds, help="Seed of the run; or four as in lm-eval, of which the last draws few-shot examples.")
@flag("--fewshot_seed", type=int, help="Seed of the few-shot examples alone.")
@flag("--bootstrap_iters", type=int, help="Draws for standard errors that have no closed form; 0 computes none.")
@flag("--rank", type=int, envvar="RANK", help="This process among --world_size (environment: RANK).")
@flag("--world_size", type=int, envvar="WORLD_SIZE", help="Processes that share the documents (WORLD_SIZE).")
@flag("--window", type=int, help="Requests in flight (default: the engine's own).")
@flag(
    "--on_error",
    help="`finish` leaves failed documents out; `fail` stops at the first; `threshold=1%` past it.",
)
@flag("--heartbeat_timeout", type=float, help="Seconds until a silent engine counts as hung (default: 300).")
@flag("--deterministic", type=switch, help="Answers that do not depend on the batch; slower, and verified on a sample.")
@flag("--trust_remote_code", type=switch, help="Let checkpoints bring their own code.")
@flag("--shuffle_seed", type=int, hidden=True, help="Send the requests in a random order.")
@flag(
    "--verbosity",
    "-v",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    help="What the log says.",
)
@foreign_flags
def run(**flags: Any) -> int:
    """Evaluates a model on tasks.

    All flags take dashes for underscores. Exit code 3: the run ended, but some documents have no score.
    130 and 143: SIGINT or SIGTERM ended it early; the same command goes on from there.
    """
    set_verbosity(flags.pop("verbosity"))
    own = take_foreign_flags(flags)
    wanted = flat(own["tasks"])
    if len(wanted) == 1 and wanted[0] in LISTINGS:
        print_listing(flat(own["include_path"]), LISTINGS[wanted[0]])
        return 0
    results, exit_code = evaluate_and_save(make_settings(own))
    return exit_code or (0 if results.is_complete else EXIT_INCOMPLETE)


def evaluate_and_save(
    settings: RunSettings, *, observer: Observer | None = None, stream: TextIO | None = None
) -> tuple[Results, int]:
    """Evaluates, saves and prints (to standard output, or `stream`).

    Returns:
        The results, and the exit code of the signal that ended the run early; 0 if none did.
    """
    from fasteval.evaluation import evaluate
    from fasteval.evaluation.interruption import Interruption
    from fasteval.results import choose_progress

    progress = choose_progress()
    with Interruption() as interruption:
        try:
            results = evaluate(settings, progress=progress, observer=observer, interruption=interruption)
        finally:
            progress.stop()
        with interruption.deferred():
            save_and_print(settings, results, stream)
    return results, interruption.exit_code or 0


def save_and_print(settings: RunSettings, results: Results, stream: TextIO | None = None) -> None:
    """Writes the files that the settings ask for, prints the table, and says what is missing."""
    from fasteval.results.table import print_results

    try:
        # Saved before anything is printed: whoever reads the output may stop reading.
        saved = _save(results, settings)
    finally:
        print_results(results, stream)
    for path in saved:
        complain(f"saved {path}")
    if saved and settings.report:
        report = results.save_report(saved, log_samples=settings.log_samples)
        complain(f"{'saved' if report.is_new else 'unchanged:'} {report.path}")
    _warn_of_gaps(results)


def _save(results: Results, settings: RunSettings) -> list[Path]:
    if settings.output_path is None:
        return []
    return results.save(settings.output_path, log_samples=settings.log_samples, layout=settings.layout)


def _warn_of_gaps(results: Results) -> None:
    """Says on standard error what is missing from the numbers."""
    from fasteval.results.printable import printable

    for name, task in results.tasks.items():
        for failure in task.failures:
            complain(f"warning: {name}: {printable(failure, 300)}")
    if results.errors:
        count = f"{results.errors} document" + ("s have" if results.errors > 1 else " has")
        complain(f"warning: {count} no score and no part in the metrics:")
    for number, (name, doc_id, reason) in enumerate(results.error_rows()):
        if number == _MAX_REASONS:
            complain("warning: … (the samples have all)")
            break
        complain(f"warning: {name}, document {doc_id}: {printable(reason, 300)}")
    differing = (results.manifest.get("determinism") or {}).get("differing")
    if differing:
        complain(
            f"warning: answers depend on the batch in spite of --deterministic: {printable(', '.join(differing), 300)}"
        )
    if results.interrupted:
        complain("warning: the run ended before its last request; the same command goes on from here")
