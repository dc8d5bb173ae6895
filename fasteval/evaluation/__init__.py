"""The run: tasks in, results out. Puts the other rooms together, scores documents as they are answered, sums up.

`fasteval.evaluation.run.evaluate` is the loop; everything it does is done by a room with a name.
"""

from fasteval.evaluation.run import evaluate
from fasteval.evaluation.settings import RunSettings

__all__ = ["RunSettings", "evaluate"]
