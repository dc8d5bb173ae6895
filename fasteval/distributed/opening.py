"""`open_engine`: one engine, or several as one, wherever they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.distributed.places import local_launches
from fasteval.distributed.replicated import ReplicatedEngine
from fasteval.errors import UsageError
from fasteval.models.supervised import SupervisedEngine
from fasteval.models.suspects import Suspects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.models.create import ModelSource
    from fasteval.models.engine import Engine
    from fasteval.models.host.pool import HostPool
    from fasteval.models.user import InstanceOf

__all__ = ["open_engine"]


def open_engine(
    source: ModelSource,
    instance_of: InstanceOf,
    documents: Mapping[str, Any],
    *,
    replicas: int = 1,
    executor: str = "local",
    ray_address: str | None = None,
    ray_args: Mapping[str, Any] | None = None,
    pool: HostPool | None = None,
) -> Engine:
    """Returns a run's engine, not started.

    Args:
        source: the model.
        instance_of: gives a row as an instance, for models that somebody wrote.
        documents: the documents of the tasks, for such models.
        replicas: how many engines share the work.
        executor: where they run: "local" on this machine, or "ray" on a cluster's nodes.
        ray_address: the cluster's; None for the one that this machine belongs to, or one of its own.
        ray_args: options of each replica's actor, as Ray names them.
        pool: where this machine's hosts come from, and stay when the engine is closed.

    Raises:
        UsageError: the model is not one that fasteval runs itself, or there are not as many GPUs.
    """
    if executor == "local" and (replicas == 1 and source.host is None):
        return source.open(instance_of, documents)
    if source.host is None:
        raise UsageError(
            f"--replicas and --executor are for checkpoints that fasteval runs itself, and {source.name} is none "
            "(of servers, several base_url are replicas)"
        )
    if executor == "local":
        launches = local_launches(replicas, source.gpus)
        if pool is not None:
            launches = [pool.launch((number, replicas), launch) for number, launch in enumerate(launches)]
        hosts = [source.host(launch) for launch in launches]
        if replicas == 1:
            return SupervisedEngine(hosts[0])
        return _replicated(hosts)
    from fasteval.distributed.ray_cluster import RayCluster

    cluster = RayCluster(ray_address, ray_args or {}, gpus=source.gpus)
    return _replicated([source.host(cluster.launch) for _ in range(replicas)], on_close=cluster.close)


def _replicated(hosts: list[Engine], **options: Any) -> ReplicatedEngine:
    first = Suspects()
    suspects = [first, *(Suspects(first) for _ in hosts[1:])]
    engines = [SupervisedEngine(host, suspects=own) for host, own in zip(hosts, suspects, strict=True)]
    return ReplicatedEngine(engines, **options)
