"""What this machine has and lacks for evaluations, and the command that mends each lack. Changes nothing."""

from __future__ import annotations

from fasteval.doctor.examination import examine
from fasteval.doctor.finding import Finding, Status

__all__ = ["Finding", "Status", "examine"]
