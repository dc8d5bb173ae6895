"""Gate: may this model go out? A policy, a baseline and a candidate become GO, NO-GO or INCONCLUSIVE.

May start an evaluation and end it early; how runs are compared, it leaves to `comparison`.
"""

from __future__ import annotations

from fasteval.gate.judge import judge
from fasteval.gate.policy import Policy, TaskPolicy, read_policy
from fasteval.gate.report import GateReport, Outcome, Verdict, gate_markdown, junit_xml, print_gate
from fasteval.gate.sequential import SequentialGate

__all__ = ["GateReport", "Outcome", "Policy", "SequentialGate", "TaskPolicy", "Verdict"]
__all__ += ["gate_markdown", "judge", "junit_xml", "print_gate", "read_policy"]
