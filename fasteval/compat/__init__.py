"""Import names that task folders written for lmms-eval and lm-eval expect, supplied without those packages.

Knows nothing of tasks: it is told which folders are foreign, and answers `import lmms_eval…` from then on. What a name
stands for is written afresh here or is fasteval's own; nothing heavy is imported. A name that cannot do its work raises
`UnsupportedError` when it is called, never before, and never returns a made-up value.
"""

from fasteval.compat.finder import add_root, check_real_packages, remove_all

__all__ = ["add_root", "check_real_packages", "remove_all"]
