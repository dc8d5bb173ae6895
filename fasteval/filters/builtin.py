"""Registers the built-in filters; `fasteval.api.registry.FILTERS` imports this module at its first look-up."""

from fasteval.filters import custom, extraction, selection, text, thinking

__all__ = ["custom", "extraction", "selection", "text", "thinking"]
