"""`fasteval models`: what `--model` may be."""

from __future__ import annotations

import click

from fasteval.cli.output import say

__all__ = ["models"]


@click.command()
def models() -> None:
    """Lists the models that have names, those of other distributions last."""
    from fasteval.api.plugins import plugin_names
    from fasteval.models.named import NAMED

    width = max(map(len, NAMED))
    for name, model in NAMED.items():
        say(f"{name:<{width}}  {model.description}")
        if model.checkpoint:
            say(f"{'':<{width}}  {model.checkpoint}")
    for name in plugin_names("fasteval.models"):
        say(f"{name:<{width}}  of another distribution")
