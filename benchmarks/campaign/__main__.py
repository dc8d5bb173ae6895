"""`python -m benchmarks.campaign [fault …]`: does the faults, prints a table, exits with 1 if anything was lost."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Lab
from benchmarks.campaign.table import table, write_into

if TYPE_CHECKING:
    from benchmarks.campaign.lab import Finding

FAULTS = (
    "kill_resume",
    "host_killed",
    "host_hangs",
    "poison_request",
    "poison_image",
    "corrupt_cache",
    "full_disk",
    "concurrent_runs",
    "jumping_clock",
    "sick_server",
)


def main() -> int:
    """Runs the campaign and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"any of {', '.join(FAULTS)}; all by default")
    parser.add_argument("--folder", type=Path, help="for caches and results; by default a temporary one")
    parser.add_argument("--limit", type=int, default=100, help="documents a task")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, help="Markdown file whose table is to be brought up to date")
    options = parser.parse_args()
    unknown = set(options.faults) - set(FAULTS)
    if unknown:
        parser.error(f"unknown fault {min(unknown)}: choose from {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="fasteval-campaign-") as temporary:
        lab = Lab(options.folder or Path(temporary), options.limit, options.seed)
        findings: dict[str, Finding] = {}
        for name in options.faults or FAULTS:
            module = importlib.import_module(f"benchmarks.campaign.{name}")
            print(f"{module.NAME} ...", flush=True)
            begun = time.monotonic()
            findings[module.NAME] = module.run(lab)
            print(f"  {findings[module.NAME]} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(table(findings))
    if options.into:
        write_into(options.into, findings)
    return 0 if all(finding.is_good for finding in findings.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
