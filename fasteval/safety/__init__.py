"""Limits on what others wrote: YAML that cannot swell, templates that end, impossible paths. Knows nothing of tasks."""

from __future__ import annotations

from fasteval.safety.paths import expanded, is_file, is_folder
from fasteval.safety.templates import LimitedEnvironment
from fasteval.safety.yaml_loader import LimitedLoader, load_yaml

__all__ = ["LimitedEnvironment", "LimitedLoader", "expanded", "is_file", "is_folder", "load_yaml"]
