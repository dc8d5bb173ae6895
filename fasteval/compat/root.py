"""The top of the foreign packages: which version of their interfaces the names follow."""

from __future__ import annotations

__all__ = ["__version__"]

#: The version of lmms-eval whose task folders these names were written for.
__version__ = "0.7.3"
