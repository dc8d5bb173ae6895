"""Modules of task folders: executed for one `!function`, and what is said where that fails."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import logging
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.compat import check_real_packages
from fasteval.compat.finder import roots
from fasteval.compat.missing import distribution_of
from fasteval.compat.names import PACKAGES
from fasteval.errors import MissingPackageError, TaskFileError, UsageError
from fasteval.tasks.hub import Fetches, without_fetching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, ModuleType

__all__ = ["Fetches", "FunctionReference", "defines", "execute", "import_named", "reference_error"]

_log = logging.getLogger(__name__)

_FOREIGN = re.compile(rf"^\s*(?:from|import)\s+({'|'.join(PACKAGES)})\b", re.MULTILINE)
# How packages say that they need another one, where they do not raise Python's own error.
_ADVICE = re.compile(r"pip install (?:-U )?([\w-]+)|requires the (\w+) Python package")


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


def reference_error(reference: FunctionReference, field: str, message: str) -> TaskFileError:
    """Returns the error that says `message` of a reference, at its place."""
    return TaskFileError(message, file=reference.file, line=reference.line, field=field)


def execute(path: Path, reference: FunctionReference, field: str, *, may_fetch: bool = False) -> ModuleType:
    """Returns the module of the file `path`, executed anew.

    Args:
        path: the file.
        reference: for which of the task's references.
        field: the field of the task file that contains it.
        may_fetch: whether the module may fetch files from the Hub.

    Raises:
        TaskFileError: the module cannot be executed; `MissingPackageError` if a package is missing.
        Fetches: it wants files of the Hub, and may not fetch any.
    """
    try:
        code, foreign = _compile(path, path.stat().st_mtime_ns)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise TaskFileError(f"not Python: {error}", file=path, line=line, field=field) from error
    # The name is the same in every process, so that caches of `datasets` that hash functions stay valid.
    name = f"fasteval_task_{path.stem}_{xxhash.xxh3_64_hexdigest(str(path).encode())}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise reference_error(reference, field, f"!function {reference.name}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module while they are made. Afterwards the module must not be found there: `datasets`
    # hashes functions of importable modules by name alone, and would serve stale documents after an edit.
    sys.modules[name] = module
    try:
        with _explained(path.name, reference, field, may_fetch=may_fetch):
            check_real_packages(foreign)
            try:
                exec(code, vars(module))  # noqa: S102 - a task folder's code is code that the user asked to run
            except FileNotFoundError as error:
                twin = _twin(error.filename, path.parent)
                if twin is None:
                    raise
                _log.warning("%s opens %s, which is not there: %s is read in its place", path, error.filename, twin)
                vars(module)["open"] = partial(_open, {error.filename: twin})
                exec(code, vars(module))  # noqa: S102 - as above
    finally:
        del sys.modules[name]
    return module


def import_named(module_name: str, path: Path, reference: FunctionReference, field: str) -> ModuleType:
    """Returns the module of a reference that has no file `path` beside it: imported by its absolute name.

    Raises:
        TaskFileError: there is no such module, or it cannot be imported.
    """
    with _explained(f"importing {module_name}", reference, field, may_fetch=True):
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not (module_name + ".").startswith(error.name + "."):
                raise
            problem = f"there is no file {path}, and no module '{module_name}' to import"
            raise reference_error(reference, field, f"!function {reference.name}: {problem}") from error


def _twin(missing: str | None, folder: Path) -> Path | None:
    """Returns the one file below the foreign folders that has the name of a file that should stand in `folder`.

    Folders are copied without all of their files: lmms-eval's `unig2u/phyx` opens a file that only `phyx` has.
    """
    if missing is None or Path(missing).parent != folder:
        return None
    found = [file for root in roots() for file in Path(root).rglob(Path(missing).name)]
    return found[0] if len(found) == 1 else None


def _open(twins: Mapping[str, Path], file: Any, *args: Any, **kwargs: Any) -> Any:
    return open(twins.get(str(file), file), *args, **kwargs)  # noqa: PTH123 - it stands for the built-in


def defines(path: Path, name: str) -> bool:
    """Whether the file binds the name at its top, as far as can be said without executing it."""
    nodes = ast.parse(path.read_bytes()).body
    inner = [node for outer in nodes if isinstance(outer, ast.If | ast.Try | ast.With) for node in ast.walk(outer)]
    return any(name in _bound(node) for node in (*nodes, *inner))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (
            part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        )


@contextmanager
def _explained(what: str, reference: FunctionReference, field: str, *, may_fetch: bool) -> Iterator[None]:
    """Turns whatever task code raises while it is loaded into one error at the reference's place."""
    try:
        with _a_key(), nullcontext() if may_fetch else without_fetching():
            yield
    except TaskFileError:
        raise
    except UsageError as error:
        raise reference_error(reference, field, str(error)) from error
    except (Exception, SystemExit) as error:  # some modules end the program where a package is missing
        package = _missing_package(error)
        top = "" if package is None else package.partition(".")[0]
        if top in PACKAGES:
            message = f"!function {reference.name}: {what} needs '{package}', which fasteval does not supply"
        elif package is None:
            message = f"!function {reference.name}: {what} raised {type(error).__name__}: {error}"
        else:
            advice = f"pip install {distribution_of(top)}"
            message = f"!function {reference.name}: {what} needs the package '{top}': {advice}"
            file, line = reference.file, reference.line
            raise MissingPackageError(message, top, file=file, line=line, field=field) from error
        raise reference_error(reference, field, message) from error


def _missing_package(error: BaseException) -> str | None:
    """Returns the module whose absence is the reason of an error, as far as the error tells."""
    cause: BaseException | None = error
    while cause is not None:
        # Task code likes to catch the error and raise one of its own, with advice that is not fasteval's.
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            return cause.name
        if isinstance(cause, ImportError) and cause.name and cause.path is None:
            return cause.name  # folders that packages share (`google`), and this one's part is not there
        if isinstance(cause, NameError):
            return _failed_import(cause)
        cause = cause.__cause__ or cause.__context__
    advice = _ADVICE.search(str(error))
    return advice and (advice[1] or advice[2])


def _failed_import(error: NameError) -> str | None:
    """Returns the module from which a name would have come, if the import failed and the file went on without it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or error.name is None:
        return None
    file = Path(trace.tb_frame.f_code.co_filename)
    attempts = [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Try)]
    for node in (node for attempt in attempts for part in attempt.body for node in ast.walk(part)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and error.name in _bound(node):
            return node.module
        if isinstance(node, ast.Import) and error.name in _bound(node):
            return next(alias.name for alias in node.names if error.name == (alias.asname or alias.name))
    return None


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
