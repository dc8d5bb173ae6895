"""The command line: click commands, one file a command.

May read flags and print; decides nothing that the Python API could not. Imports nothing heavy before a command runs.
"""

from __future__ import annotations

from fasteval.cli.group import main

__all__ = ["main"]
