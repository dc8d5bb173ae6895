"""`_task_utils.default_template_yaml`: a folder's template as plain data, for task code that reads its own settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasteval.safety.yaml_loader import load_yaml

__all__ = ["load_default_template_yaml"]


def load_default_template_yaml(task_file: str | Path) -> Any:
    """Returns what `_default_template_yaml` beside `task_file` holds, without the lines that name functions."""
    text = Path(task_file).with_name("_default_template_yaml").read_text("utf-8")
    return load_yaml("\n".join(line for line in text.splitlines() if "!function" not in line))
