"""Filters: raw answers become what the metrics see. Pure functions of answers and documents."""

from fasteval.filters.base import Filter
from fasteval.filters.pipeline import FilterPipeline, build_filter
from fasteval.filters.thinking import DEFAULT_TAGS, strip_thinking

__all__ = ["DEFAULT_TAGS", "Filter", "FilterPipeline", "build_filter", "strip_thinking"]
