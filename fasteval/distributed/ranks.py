"""Which rank a process is, as launchers tell it; ranks share the documents and never speak to each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RANK_VARIABLES", "WORLD_SIZE_VARIABLES", "slurm_rank"]

#: What torchrun and accelerate set, and the MPI launchers that accelerate uses on CPUs (Intel's, Open MPI's).
RANK_VARIABLES = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK")
WORLD_SIZE_VARIABLES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


def slurm_rank(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Returns rank and number of ranks of a process that `srun` has started; None for any other.

    A batch script has `SLURM_PROCID` and `SLURM_NTASKS` too, but no step: it is one process, whatever it asked for
    (https://slurm.schedmd.com/srun.html, "Output environment variables").
    """
    is_batch_script = "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment
    rank = environment.get("SLURM_PROCID")
    count = environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS")
    return None if is_batch_script or rank is None or count is None else (int(rank), int(count))
