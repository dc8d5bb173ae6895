"""`fasteval run`: evaluate a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.completion import complete_models, complete_tasks
from fasteval.cli.evaluating import evaluate_and_save, trackers
from fasteval.cli.foreign import foreign_flags, take_foreign_flags
from fasteval.cli.output import EXIT_INCOMPLETE, LEVELS, take_output_flags
from fasteval.cli.parameters import FlagCommand, arguments, flag, limit, names, seeds, switch, tags
from fasteval.cli.prompting import compat_flag, prompt_flags
from fasteval.cli.settings import flat, make_settings, use_config
from fasteval.cli.tasks import LISTINGS, print_listing
from fasteval.distributed.ranks import RANK_VARIABLES, WORLD_SIZE_VARIABLES, slurm_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RunningCommand", "run"]


def _of_slurm(index: int) -> int | None:
    found = slurm_rank()
    return None if found is None else found[index]


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
@flag(
    "--model", "-m", "-M", shell_complete=complete_models, help="A name (`fasteval models`), or path/to/file.py:Class."
)
@flag("--model_args", "-a", type=arguments, help="Arguments of the model: pretrained=….")
@flag(
    "--tasks",
    "-t",
    type=names,
    shell_complete=complete_tasks,
    help="Tasks, groups, tags, patterns, YAML files; `list`.",
)
@prompt_flags
@flag("--limit", "-L", type=limit, metavar="NUMBER", help="Documents a task; below 1 a share of them; -1 all.")
@flag("--offset", type=int, help="Documents to skip before the limit counts.")
@flag("--gen_kwargs", type=arguments, help="Generation kwargs that override the tasks'.")
@flag("--repeats", "--num_samples", "-n", type=int, help="Answers a document.")
@flag("--reasoning_tags", type=tags, help='Tags whose content is removed before scoring: [["<a>", "</a>"]], or none.')
@compat_flag
@flag("--predict_only", "-x", type=switch, help="Answers without metrics.")
@flag("--confirm_run_unsafe_code", type=switch, help="Run tasks whose scoring runs code that the model wrote.")
@flag("--output_path", "-o", metavar="PATH", help="Folder (or .json file) for the results.")
@flag("--log_samples", "-s", type=switch, help="Write the samples too (default: true).")
@flag("--report", type=switch, help="Write the report too, an HTML file (default: true).")
@flag("--layout", metavar="NAME", help="Name and shape the files as `lmms-eval` or `lm-eval` do.")
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
@flag(
    "--rank",
    type=int,
    envvar=RANK_VARIABLES,
    default=partial(_of_slurm, 0),
    help="This process among --world_size (default: what torchrun, accelerate or SLURM says).",
)
@flag(
    "--world_size",
    type=int,
    envvar=WORLD_SIZE_VARIABLES,
    default=partial(_of_slurm, 1),
    help="Processes that share the documents.",
)
@flag("--replicas", type=int, help="Engines that share the work of this process (default: 1).")
@flag("--executor", metavar="NAME", help="Where they run: `local` (default), or `ray` for a Ray cluster's nodes.")
@flag("--ray_address", metavar="ADDRESS", help="The cluster (default: RAY_ADDRESS, or the one of this machine).")
@flag("--ray_args", type=arguments, help="Options of each engine's actor, as Ray names them: num_cpus=8.")
@flag("--window", type=int, help="Requests in flight (default: the engine's own).")
@flag("--on_error", help="`finish` leaves failed documents out; `fail` stops at the first; `threshold=1%` past it.")
@flag("--heartbeat_timeout", type=float, help="Seconds until a silent engine counts as hung (default: 300).")
@flag("--deterministic", type=switch, help="Answers that do not depend on the batch; slower, and verified on a sample.")
@flag("--judge", shell_complete=complete_models, help="Model that scoring asks about answers, named like --model.")
@flag("--judge_args", type=arguments, help="Arguments of the judge.")
@flag("--trust_remote_code", type=switch, help="Let checkpoints bring their own code.")
@flag("--shuffle_seed", type=int, hidden=True, help="Send the requests in a random order.")
@flag("--wandb_args", type=arguments, help="Send results to W&B.")
@flag("--wandb_config_args", type=arguments, help="Tell W&B more.")
@flag("--wandb_log_samples", type=switch, help="Send it the samples, too.")
@flag("--hf_hub_log_args", type=arguments, help="Push results to the Hub: push_results_to_hub=true,….")
@flag("--quiet", "-q", type=switch, help="No progress and no notes: the table, warnings and errors only.")
@flag(
    "--json",
    type=switch,
    parameter="as_json",
    help="Print the results as one JSON object; everything else goes to standard error.",
)
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
    output = take_output_flags(flags)
    own = take_foreign_flags(flags)
    wanted = flat(own["tasks"])
    if len(wanted) == 1 and wanted[0] in LISTINGS:
        print_listing(flat(own["include_path"]), LISTINGS[wanted[0]])
        return 0
    with trackers(own, quiet=output.quiet) as callbacks:
        results, exit_code = evaluate_and_save(make_settings(own), output=output, callbacks=callbacks)
    return exit_code or (0 if results.is_complete else EXIT_INCOMPLETE)


class RunningCommand(FlagCommand):
    """A command that makes runs: it takes the flags of `run` beside its own, and its help has its own."""

    def __init__(self, *args: Any, usage: str = "[FLAGS]", without: Sequence[str] = (), **attributes: Any) -> None:
        """Takes click's arguments, the end of the usage line, and the flags of `run` that it does not take."""
        super().__init__(*args, **attributes)
        self.usage = usage
        self.own = [option for option in self.params if isinstance(option, click.Option)]
        left_out = {option.name for option in self.own} | set(without)
        self.params += [option for option in run.params if option.name not in left_out]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the usage line."""
        formatter.write_usage(ctx.command_path, self.usage)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the command's own flags."""
        with formatter.section("Options"):
            formatter.write_dl([record for option in self.own if (record := option.get_help_record(ctx))])
