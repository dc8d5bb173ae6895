"""Registers the built-in metrics and aggregations; `fasteval.api.registry` imports this module at its first look-up."""

from fasteval.metrics import averages, classification, items, text_matching, translation

__all__ = ["averages", "classification", "items", "text_matching", "translation"]
