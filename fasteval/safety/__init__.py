"""Limits on what others wrote: YAML that cannot swell and templates that end. Knows nothing of tasks or models."""

from __future__ import annotations

from fasteval.safety.templates import LimitedEnvironment
from fasteval.safety.yaml_loader import LimitedLoader, load_yaml

__all__ = ["LimitedEnvironment", "LimitedLoader", "load_yaml"]
