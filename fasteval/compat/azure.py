"""`lmms_eval.azure_openai_compat`: a module that five of its tasks import, and that never was in its repository."""

from __future__ import annotations

from fasteval.compat.missing import refuse

__all__ = ["build_client", "has_endpoint_support"]

#: Refuses; what the function was meant to return is not known.
build_client = refuse("azure_openai_compat.build_client", "lmms-eval has no such module either")


def has_endpoint_support() -> bool:
    """Returns False: no endpoint is set up through this module."""
    return False
