"""`python -m fasteval` is `fasteval`."""

from __future__ import annotations

from fasteval.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
