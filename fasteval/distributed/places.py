"""Where the engine hosts of one machine run: each has a set of GPUs, or of processor cores, to itself."""

from __future__ import annotations

import itertools
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fasteval.errors import UsageError
from fasteval.models.gpus import gpu_names
from fasteval.models.host.environment import HOSTS_HERE
from fasteval.models.host.process import HostProcess
from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.models.host.process import Launch

__all__ = ["core_sets", "gpu_sets", "local_launches"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def local_launches(replicas: int, gpus_each: int, environment: Mapping[str, str] = os.environ) -> list[Launch]:
    """Returns what starts each of a run's replicas on this machine.

    Ranks that a launcher has started beside this one (`LOCAL_RANK`, `LOCAL_WORLD_SIZE` of torchrun, `SLURM_LOCALID`)
    have their sets, too.

    Args:
        replicas: engines of this run.
        gpus_each: GPUs that one engine takes.
        environment: this process's.

    Raises:
        UsageError: there are not as many GPUs.
    """
    rank = int(environment.get("LOCAL_RANK") or environment.get("SLURM_LOCALID") or 0)
    ranks = int(environment.get("LOCAL_WORLD_SIZE") or 1)  # SLURM binds the cores of its tasks by itself
    if replicas == 1 and "LOCAL_RANK" not in environment and "SLURM_LOCALID" not in environment:
        return [HostProcess]
    if not is_cpu_build():
        visible = environment.get(_VISIBLE)
        names = [str(number) for number in range(len(gpu_names()))] if visible is None else visible.split(",")
        sets = gpu_sets(names, replicas, gpus_each, rank)
        return [partial(HostProcess, environment={_VISIBLE: ",".join(gpus)}) for gpus in sets]
    first = rank % ranks * replicas
    cores = core_sets(_allowed_cores(), ranks * replicas)[first : first + replicas]
    return [partial(HostProcess, cores=own, environment=_on_cores(own, ranks * replicas, environment)) for own in cores]


def gpu_sets(visible: Sequence[str], replicas: int, each: int, rank: int) -> list[list[str]]:
    """Returns a set of GPUs for each replica of one of this machine's ranks.

    Raises:
        UsageError: there are not as many GPUs.
    """
    needed = replicas * each
    own = list(visible[rank * needed : (rank + 1) * needed])
    if len(own) < needed and len(visible) == needed:
        own = list(visible)  # whoever started the ranks has given each its own already
    if len(own) < needed:
        ranks = f" for each of {rank + 1} ranks" if rank else ""
        raise UsageError(
            f"--replicas {replicas} with {each} GPU(s) each need {needed} GPUs{ranks}, and there are {len(visible)}"
        )
    return [own[start : start + each] for start in range(0, needed, each)]


def core_sets(cores: Sequence[int], count: int) -> list[list[int]]:
    """Returns `count` sets of cores that are disjoint if there are enough of them, and neighbours within each."""
    if count > len(cores):
        return [[cores[number % len(cores)]] for number in range(count)]
    borders = [number * len(cores) // count for number in range(count + 1)]
    return [list(cores[start:end]) for start, end in itertools.pairwise(borders)]


def _allowed_cores() -> list[int]:
    """Returns the cores that this process may use, those that are threads of one physical core side by side."""

    def place(core: int) -> tuple[int, int, int]:
        topology = Path(f"/sys/devices/system/cpu/cpu{core}/topology")
        try:
            package, physical = (int((topology / name).read_text()) for name in ("physical_package_id", "core_id"))
        except (OSError, ValueError):  # a virtual machine need not tell
            package = physical = 0
        return package, physical, core

    return sorted(os.sched_getaffinity(0), key=place)


def _on_cores(cores: Sequence[int], hosts: int, environment: Mapping[str, str]) -> dict[str, str]:
    threads = environment.get("OMP_NUM_THREADS") or str(len(cores))
    return {"OMP_NUM_THREADS": threads, HOSTS_HERE: str(hosts)}
