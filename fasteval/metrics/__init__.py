"""Metrics: filtered answers become numbers with standard errors. Pure functions; no files, no models."""

from fasteval.metrics.defaults import DEFAULT_METRICS, default_metrics
from fasteval.metrics.options import check_options
from fasteval.metrics.stderr import standard_error

__all__ = ["DEFAULT_METRICS", "check_options", "default_metrics", "standard_error"]
