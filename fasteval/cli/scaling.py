"""Flags that say how the work is shared: among ranks, and among the engines of one of them."""

from __future__ import annotations

from functools import partial

from fasteval.cli.parameters import arguments, flag, flags
from fasteval.distributed.ranks import RANK_VARIABLES, WORLD_SIZE_VARIABLES, slurm_rank

__all__ = ["scaling_flags"]


def _of_slurm(index: int) -> int | None:
    found = slurm_rank()
    return None if found is None else found[index]


scaling_flags = flags(
    flag(
        "--rank",
        type=int,
        envvar=RANK_VARIABLES,
        default=partial(_of_slurm, 0),
        help="This process among --world_size (default: what torchrun, accelerate or SLURM says).",
    ),
    flag(
        "--world_size",
        type=int,
        envvar=WORLD_SIZE_VARIABLES,
        default=partial(_of_slurm, 1),
        help="Processes that share the documents.",
    ),
    flag("--replicas", type=int, help="Engines that share the work of this process (default: 1)."),
    flag("--executor", metavar="NAME", help="Where they run: `local` (default), or `ray` for a Ray cluster's nodes."),
    flag("--ray_address", metavar="ADDRESS", help="The cluster (default: RAY_ADDRESS, or the one of this machine)."),
    flag("--ray_args", type=arguments, help="Options of each engine's actor, as Ray names them: num_cpus=8."),
)
