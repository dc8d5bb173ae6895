"""`!function module.name`: code beside a YAML file, run once for each reference."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import logging
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.compat import check_real_packages, utils
from fasteval.compat.missing import distribution_of
from fasteval.compat.names import PACKAGES
from fasteval.errors import MissingPackageError, TaskFileError, UsageError, nearest
from fasteval.safety.paths import is_file
from fasteval.tasks.codefiles import files_digest, with_imported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, ModuleType

__all__ = ["FunctionReference", "TaskFunction", "accepted_arguments", "code_digest", "load_function"]


_log = logging.getLogger(__name__)

_FOREIGN = re.compile(rf"^\s*(?:from|import)\s+({'|'.join(PACKAGES)})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A `!function` of a YAML file that has not been run yet.

    Attributes:
        name: `module.name`, as the file has it.
        file: the YAML file that contains the reference; `module` is looked for beside it.
        line: where in that file, from 1.
    """

    name: str
    file: Path
    line: int


class TaskFunction:
    """A function or class of a task folder, with what is known of where it comes from.

    Calling it calls the target, and `inspect.signature` sees the target's parameters.

    Attributes:
        name: `module.name`, as the YAML file has it.
        target: the function or class itself.
        digest: 16 bytes that change whenever the code could do something else.
    """

    def __init__(self, name: str, target: Any, digest: bytes) -> None:
        """Wraps `target`."""
        self.name, self.target, self.digest = name, target, digest
        self.__wrapped__ = target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the target."""
        return self.target(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def load_function(reference: FunctionReference, field: str) -> TaskFunction:
    """Returns what `reference` names.

    The module beside the YAML file is executed anew for each reference: task code keeps state in module variables
    (flags that one function sets and another one reads, sums), and tasks were written with one module a reference.
    Only the compiled code is shared. A module that is not beside the file is imported by its absolute name.

    Args:
        reference: what to load.
        field: the field of the task file that contains it, for messages.

    Raises:
        TaskFileError: there is no such module or function, or the module cannot be executed.
    """
    module_name, _, function_name = reference.name.rpartition(".")
    if not module_name or not function_name:
        raise _error(reference, field, f"!function {reference.name}: expected module.name")
    path = reference.file.parent / (module_name.replace(".", "/") + ".py")
    if is_file(path):
        module = _execute(path, reference, field)
        # A function may use any file of its folder.
        digest = files_digest(with_imported(path.parent.glob("*.py")))
    else:
        module = _import(module_name, path, reference, field)
        origin = getattr(module, "__file__", None)
        digest = files_digest(with_imported([Path(origin)])) if origin else xxhash.xxh3_128_digest(module_name.encode())
    target = getattr(module, function_name, None)
    above = path.parent.parent / path.name
    if target is None and is_file(path) and is_file(above):
        # 30 tasks of lmms-eval's variants (`no_visual/` and the like) name functions that stand one folder above.
        target = getattr(_execute(above, reference, field), function_name, None)
        digest = files_digest(with_imported([*path.parent.glob("*.py"), *above.parent.glob("*.py")]))
        _log.info("%s: %s is taken from %s", reference.file, reference.name, above)
    if target is None:
        target = _of_foreign_utils(module_name, function_name, reference)
    if target is None:
        close = nearest(function_name, vars(module))
        hint = f": did you mean '{close}'?" if close else ""
        raise _error(reference, field, f"!function {reference.name}: {module_name} has no '{function_name}'{hint}")
    if not callable(target):
        raise _error(reference, field, f"!function {reference.name}: '{function_name}' cannot be called")
    return TaskFunction(reference.name, target, digest)


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


def _of_foreign_utils(module_name: str, function_name: str, reference: FunctionReference) -> Any:
    """Returns the helper of lm-eval's own `utils` that a folder's `utils` was meant to import, and does not; or None.

    175 tasks of lm-eval name `utils.weighted_f1_score` beside a `utils.py` that forgot it.
    """
    if module_name != "utils" or function_name not in utils.__all__:
        return None
    _log.info("%s: %s is taken from lm_eval.utils", reference.file, reference.name)
    return getattr(utils, function_name)


def _error(reference: FunctionReference, field: str, message: str) -> TaskFileError:
    return TaskFileError(message, file=reference.file, line=reference.line, field=field)


def _missing(reference: FunctionReference, field: str, what: str, error: ImportError) -> TaskFileError:
    """Returns the error of a module that is not there: a package that can be installed, or a name of ours."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, ModuleNotFoundError) and cause.name):
        # Task code likes to catch the error and raise one of its own, with advice that is not fasteval's.
        cause = cause.__cause__ or cause.__context__
    name = getattr(cause, "name", None)
    if name is None:
        message = f"!function {reference.name}: {what} raised {type(error).__name__}: {error}"
        return _error(reference, field, message)
    top = name.partition(".")[0]
    if top in PACKAGES:
        message = f"!function {reference.name}: {what} needs '{name}', which fasteval does not supply"
        return _error(reference, field, message)
    message = f"!function {reference.name}: {what} needs the package '{top}': pip install {distribution_of(top)}"
    return MissingPackageError(message, top, file=reference.file, line=reference.line, field=field)


def _execute(path: Path, reference: FunctionReference, field: str) -> ModuleType:
    try:
        code, foreign = _compile(path, path.stat().st_mtime_ns)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise TaskFileError(f"not Python: {error}", file=path, line=line) from error
    # The name is the same in every process, so that caches of `datasets` that hash functions stay valid.
    name = f"fasteval_task_{path.stem}_{xxhash.xxh3_64_hexdigest(str(path).encode())}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise _error(reference, field, f"!function {reference.name}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module while they are made. Afterwards the module must not be found there: `datasets`
    # hashes functions of importable modules by name alone, and would serve stale documents after an edit.
    sys.modules[name] = module
    try:
        check_real_packages(foreign)
        with _a_key():
            exec(code, vars(module))  # noqa: S102 - a task folder's code is code that the user asked to run
    except ImportError as error:
        raise _missing(reference, field, path.name, error) from error
    except UsageError as error:
        raise _error(reference, field, str(error)) from error
    except (Exception, SystemExit) as error:  # some modules end the program where a package is missing
        message = f"!function {reference.name}: {path.name} raised {type(error).__name__}: {error}"
        raise _error(reference, field, message) from error
    finally:
        del sys.modules[name]
    return module


def _import(module_name: str, path: Path, reference: FunctionReference, field: str) -> ModuleType:
    try:
        with _a_key():
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            message = f"!function {reference.name}: there is no file {path}, and no module '{module_name}' to import"
            raise _error(reference, field, message) from error
        raise _missing(reference, field, f"importing {module_name}", error) from error
    except Exception as error:
        message = f"!function {reference.name}: importing {module_name} raised {type(error).__name__}: {error}"
        raise _error(reference, field, message) from error


@contextmanager
def _a_key() -> Iterator[None]:
    """Lets modules load that make a judge's client at once, which cannot be made without a key.

    A server refuses this one, and its words name the variable that is to be set.
    """
    lacking = [name for name in ("OPENAI_API_KEY", "Deepseek_API") if name not in os.environ]
    os.environ.update({name: f"{name}-is-not-set" for name in lacking})
    try:
        yield
    finally:
        for name in lacking:
            os.environ.pop(name, None)


@lru_cache(maxsize=1024)
def _compile(path: Path, mtime_ns: int) -> tuple[CodeType, frozenset[str]]:  # noqa: ARG001 - part of the cache's key
    """Returns the file's code, and which of the packages whose names we supply it imports."""
    source = path.read_bytes()
    foreign = frozenset(_FOREIGN.findall(source.decode("utf-8", "replace")))
    return compile(source, str(path), "exec", dont_inherit=True), foreign
