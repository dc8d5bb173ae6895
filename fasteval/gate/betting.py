"""A test that may be looked at after every document: betting against the hypothesis (Waudby-Smith and Ramdas 2024).

Journal of the Royal Statistical Society B 86:1. To test that values have a mean of at most zero, a player stakes some
of his capital on every next value to be positive. If the hypothesis is true, no way of staking lets him expect to win,
and the capital ever reaches 1 / alpha with a probability of at most alpha (Ville 1939), however often one looks. Which
stake wins fastest depends on what is not known, so the capital is spread evenly over a row of stakes that stay fixed:
it grows almost as fast as the best of them.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["BettingTest"]

#: Stakes as shares of what ruins the player at one loss: from nearly nothing to nearly all.
_STAKES = np.geomspace(0.002, 0.95, 40)


class BettingTest:
    """A test of the hypothesis that independent values, none below -`bound`, have a mean of at most zero."""

    def __init__(self, bound: float, alpha: float) -> None:
        """Starts with a capital of 1; `bound` > 0 is known before any value is, `alpha` the level."""
        self._stakes = _STAKES / bound
        self._logs = np.zeros(len(_STAKES))
        self._goal = math.log(1 / alpha)
        self.is_settled = False

    def add(self, value: float) -> None:
        """Takes the next value; once the hypothesis is refuted it stays refuted."""
        self._logs += np.log1p(self._stakes * value)
        self.is_settled = self.is_settled or self.log_capital >= self._goal

    @property
    def log_capital(self) -> float:
        """The logarithm of the capital: the evidence against the hypothesis."""
        largest = float(self._logs.max())
        return largest + math.log(float(np.exp(self._logs - largest).mean()))
