"""Metrics: filtered answers become numbers with standard errors. Pure functions; no files, no models."""

from fasteval.metrics.options import DEFAULT_METRICS, check_options, default_metrics
from fasteval.metrics.stderr import standard_error

__all__ = ["DEFAULT_METRICS", "check_options", "default_metrics", "standard_error"]
