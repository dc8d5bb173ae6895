"""Where engine hosts run, and which rank a process is."""

from __future__ import annotations

from functools import partial
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.distributed import places
from fasteval.distributed.places import core_sets, gpu_sets, local_launches
from fasteval.distributed.ranks import slurm_rank
from fasteval.errors import UsageError
from fasteval.models.host.environment import HOSTS_HERE, host_environment
from fasteval.models.host.process import HostProcess


@given(st.integers(1, 64), st.integers(1, 64))
def test_core_sets_share_all_cores_evenly(cores: int, count: int) -> None:
    sets = core_sets(range(cores), count)
    assert count == len(sets)
    assert set(range(cores)) >= set(chain(*sets))
    if count <= cores:
        assert list(range(cores)) == list(chain(*sets))
        assert max(map(len, sets)) - min(map(len, sets)) <= 1
    else:
        assert {1} == set(map(len, sets))


@pytest.mark.parametrize(
    ("expected", "visible", "replicas", "each", "rank"),
    [
        ([["0"], ["1"]], "0,1", 2, 1, 0),
        ([["4", "5"], ["6", "7"]], "0,1,2,3,4,5,6,7", 2, 2, 1),
        ([["5"]], "5", 1, 1, 3),  # SLURM has given each rank its own already
    ],
)
def test_gpu_sets(expected: list[list[str]], visible: str, replicas: int, each: int, rank: int) -> None:
    assert expected == gpu_sets(visible.split(","), replicas, each, rank)


@pytest.mark.parametrize(("replicas", "each", "rank"), [(3, 1, 0), (1, 4, 0), (1, 1, 2)])
def test_gpus_that_are_not_there_are_an_error(replicas: int, each: int, rank: int) -> None:
    with pytest.raises(UsageError, match=f"{replicas * each} GPUs.* there are 2"):
        gpu_sets(["0", "1"], replicas, each, rank)


def test_one_engine_alone_is_bound_to_nothing() -> None:
    assert [HostProcess] == local_launches(1, 1, {})


def test_replicas_on_gpus_see_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_cpu_build", lambda: False)
    monkeypatch.setattr(places, "gpu_names", lambda: ["a GPU"] * 8)
    launches = local_launches(4, 2, {})
    seen = [launch.keywords for launch in launches if isinstance(launch, partial)]
    assert [{"environment": {"CUDA_VISIBLE_DEVICES": gpus}} for gpus in ("0,1", "2,3", "4,5", "6,7")] == seen


def test_ranks_that_torchrun_starts_on_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_cpu_build", lambda: True)
    monkeypatch.setattr(places, "_allowed_cores", lambda: list(range(8)))
    environment = {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    launches = local_launches(2, 1, environment)
    seen = [launch.keywords for launch in launches if isinstance(launch, partial)]
    own = {"OMP_NUM_THREADS": "1", HOSTS_HERE: "4"}
    assert [{"cores": [4, 5], "environment": own}, {"cores": [6, 7], "environment": own}] == seen


def test_an_engine_host_does_not_take_itself_for_a_rank() -> None:
    group = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "node", "MASTER_PORT": "1"}
    assert not group.keys() & host_environment(group).keys()


@pytest.mark.parametrize(
    ("expected", "environment"),
    [
        (None, {}),
        ((3, 8), {"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}),
        ((3, 4), {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"}),
        (None, {"SLURM_JOB_ID": "1", "SLURM_PROCID": "0", "SLURM_NTASKS": "8"}),  # the batch script itself
    ],
)
def test_srun_says_which_rank_a_process_is(expected: tuple[int, int] | None, environment: dict[str, str]) -> None:
    assert expected == slurm_rank(environment)
