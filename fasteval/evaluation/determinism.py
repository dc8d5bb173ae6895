"""Whether answers depend on what else the engine had in hand: a sample is asked again, alone and in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fasteval.errors import EngineError

if TYPE_CHECKING:
    from fasteval.api.request import Response
    from fasteval.cache import ResponseCache
    from fasteval.models.engine import Engine
    from fasteval.scheduling import Plan, RequestLoader

__all__ = ["verify_determinism"]

_SAMPLE = 16
_POLL_SECONDS = 1.0


def verify_determinism(plan: Plan, loader: RequestLoader, engine: Engine, cache: ResponseCache) -> dict[str, Any]:
    """Asks some of the requests that this run sent again, and returns what came of it, for the manifest.

    The engine forgets its caches before, gets one request at a time, and the last ones first.

    Returns:
        `verified`: how many were asked again; `differing`: the documents whose answers were others, as
        "task, document"; `sampled_from`: how many requests the run had sent.

    Raises:
        FastEvalError: the engine fails.
    """
    rows = [row for row in plan.order.tolist() if cache.get(plan.keys[row].tobytes()) is not None]
    chosen = [rows[place] for place in np.unique(np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int))]
    differing = []
    if chosen:
        engine.reset_caches()
    for row in reversed(chosen):
        if _ask(row, loader, engine) != cache.get(plan.keys[row].tobytes()):
            name = plan.table.task_names[int(plan.table.task[row])]
            differing.append(f"{name}, document {int(plan.table.doc[row])}")
    return {"verified": len(chosen), "differing": differing, "sampled_from": len(rows)}


def _ask(row: int, loader: RequestLoader, engine: Engine) -> Response | None:
    """Returns the answer to one request that has the engine to itself."""

    def refuse(_row: int, reason: str) -> NoReturn:
        raise EngineError(f"the check of --deterministic could not ask again: {reason}")

    engine.submit(loader.load([row], refuse))
    while True:
        for completion in engine.poll(_POLL_SECONDS):
            if completion.row == row:
                return completion.response
