"""A picture that ends the engine with SIGSEGV whenever it is shown, with five questions about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.campaign.poison_request import poison

if TYPE_CHECKING:
    from benchmarks.campaign.lab import Finding, Lab

__all__ = ["NAME", "run"]

NAME = "poison image"


def run(lab: Lab) -> Finding:
    """Has the engine crash at the picture of five questions of 120."""
    return poison(lab, "a picture at which the engine crashes", set(range(70, 75)), {"CAMPAIGN_POISON_WIDTH": "71"})
