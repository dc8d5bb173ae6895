"""`!function module.name`: code beside a YAML file, run once for each reference."""

from __future__ import annotations

import functools
import inspect
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.compat import utils
from fasteval.errors import nearest
from fasteval.safety.paths import is_file
from fasteval.tasks.codefiles import files_digest, with_imported
from fasteval.tasks.modules import Fetches, FunctionReference, defines, execute, import_named, reference_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FunctionReference", "TaskFunction", "accepted_arguments", "code_digest", "load_function"]


_log = logging.getLogger(__name__)


class TaskFunction:
    """A function or class of a task folder, with what is known of where it comes from.

    Calling it calls the target, and `inspect.signature` sees the target's parameters.

    Attributes:
        name: `module.name`, as the YAML file has it.
        target: the function or class itself; of one whose module was put off, it is loaded when it is first asked for.
        digest: 16 bytes that change whenever the code could do something else.
    """

    def __init__(self, name: str, digest: bytes, load: Callable[[], Any]) -> None:
        """Takes the function that returns the target; nothing is loaded yet."""
        self.name, self.digest, self._load = name, digest, load

    def __getattr__(self, name: str) -> Any:
        """Loads the target where it is not there yet."""
        if name not in ("target", "__wrapped__"):
            raise AttributeError(name)
        self.target = self.__wrapped__ = self._load()
        return self.target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the target."""
        return self.target(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def load_function(reference: FunctionReference, field: str) -> Any:
    """Returns what `reference` names: a `TaskFunction`; of an argument (`…_kwargs`) that is no function, the value.

    The module beside the YAML file is executed anew for each reference: task code keeps state in module variables
    (flags that one function sets and another one reads, sums), and tasks were written with one module a reference.
    Only the compiled code is shared. A module that is not beside the file is imported by its absolute name.

    A module that fetches files from the Hub while it is executed is put off: it is executed when its function is first
    needed, which is before the model is loaded. So nothing is downloaded to list and check tasks.

    Args:
        reference: what to load.
        field: the field of the task file that contains it, for messages.

    Raises:
        TaskFileError: there is no such module or function, or the module cannot be executed.
    """
    module_name, _, function_name = reference.name.rpartition(".")
    if not module_name or not function_name:
        raise reference_error(reference, field, f"!function {reference.name}: expected module.name")
    path = reference.file.parent / (module_name.replace(".", "/") + ".py")
    if not is_file(path):
        module = import_named(module_name, path, reference, field)
        origin = getattr(module, "__file__", None)
        digest = files_digest(with_imported([Path(origin)])) if origin else xxhash.xxh3_128_digest(module_name.encode())
        target = getattr(module, function_name, None)
        if target is None:
            raise _unknown(reference, field, vars(module))
        return _wrapped(reference, field, target, digest)
    # A function may use any file of its folder.
    digest = files_digest(with_imported(path.parent.glob("*.py")))
    try:
        module = execute(path, reference, field)
    except Fetches as fetches:
        if not defines(path, function_name):
            raise _unknown(reference, field, ()) from None
        _log.info("%s: %s is executed when the task runs: it fetches %s", reference.file, path.name, fetches)
        return TaskFunction(reference.name, digest, partial(_fetching, path, reference, field))
    target, more = _function(vars(module), path, reference, field)
    return _wrapped(reference, field, target, files_digest(with_imported(more)) if more else digest)


def _function(found: Mapping[str, Any], path: Path, reference: FunctionReference, field: str) -> tuple[Any, list[Path]]:
    """Returns what a reference names, and all files that it may use where they are more than its folder's."""
    name = reference.name.rpartition(".")[2]
    target = found.get(name)
    above = path.parent.parent / path.name
    if target is None and is_file(above):
        # 30 tasks of lmms-eval's variants (`no_visual/` and the like) name functions that stand one folder above.
        target = getattr(execute(above, reference, field), name, None)
        if target is not None:
            _log.info("%s: %s is taken from %s", reference.file, reference.name, above)
            return target, [*path.parent.glob("*.py"), *above.parent.glob("*.py")]
    if target is None and path.name == "utils.py" and name in utils.__all__:
        # 175 tasks of lm-eval name `utils.weighted_f1_score` beside a `utils.py` that forgot to import it.
        _log.info("%s: %s is taken from lm_eval.utils", reference.file, reference.name)
        target = getattr(utils, name)
    if target is None:
        raise _unknown(reference, field, found)
    return target, []


def _fetching(path: Path, reference: FunctionReference, field: str) -> Any:
    """Returns the function of a module that may now fetch what it needs."""
    return _function(vars(execute(path, reference, field, may_fetch=True)), path, reference, field)[0]


def _wrapped(reference: FunctionReference, field: str, target: Any, digest: bytes) -> Any:
    if callable(target):
        return TaskFunction(reference.name, digest, lambda: target)
    if field.endswith("_kwargs"):
        return target  # an argument, such as the features of a data set
    name = reference.name.rpartition(".")[2]
    raise reference_error(reference, field, f"!function {reference.name}: '{name}' cannot be called")


def _unknown(reference: FunctionReference, field: str, names: Any) -> Exception:
    module_name, _, name = reference.name.rpartition(".")
    close = nearest(name, names)
    hint = f": did you mean '{close}'?" if close else ""
    return reference_error(reference, field, f"!function {reference.name}: {module_name} has no '{name}'{hint}")


def accepted_arguments(function: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of `arguments` that `function` takes by name; all of them if it takes any."""
    names = _parameter_names(function)
    return dict(arguments) if names is None else {name: value for name, value in arguments.items() if name in names}


@functools.lru_cache(maxsize=4096)
def _parameter_names(function: Any) -> frozenset[str] | None:
    """Returns the names of a function's parameters, or None if it takes any name. Asked once for each document."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return frozenset(parameters)


def code_digest(function: Any) -> bytes:
    """Returns 16 bytes that change with the function's file and the task code that it imports (or with its name)."""
    if isinstance(function, TaskFunction):
        return function.digest
    try:
        return files_digest(with_imported([Path(inspect.getfile(function))]))
    except (TypeError, OSError):
        return xxhash.xxh3_128_digest(repr(getattr(function, "__qualname__", type(function).__qualname__)).encode())
