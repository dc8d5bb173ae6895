"""Whether vLLM compiles a model: on GPUs by the run's length, unless the user says so; never on CPU."""

from __future__ import annotations

import pytest

from fasteval.errors import UsageError
from fasteval.models.vllm import arguments as vllm_arguments
from fasteval.models.vllm.arguments import WORTH_COMPILING, takes_compile, with_compilation


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_arguments, "is_cpu_build", lambda: False)


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_arguments, "is_cpu_build", lambda: True)


@pytest.mark.usefixtures("gpu")
def test_short_runs_are_not_compiled() -> None:
    assert takes_compile(arguments := {"compile": "auto"})
    assert {"enforce_eager": True} == with_compilation(arguments, WORTH_COMPILING - 1)
    assert {"enforce_eager": False} == with_compilation(arguments, WORTH_COMPILING)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("given", "is_eager"), [(True, False), (False, True), ("true", False), ("false", True)])
def test_what_the_user_says_is_done(given: object, is_eager: bool) -> None:
    arguments = {"compile": given}
    assert not takes_compile(arguments)
    assert {"enforce_eager": is_eager} == arguments


@pytest.mark.usefixtures("gpu")
def test_vllms_own_argument_decides_where_it_is_given() -> None:
    assert not takes_compile(arguments := {"enforce_eager": True})
    assert {"enforce_eager": True} == arguments


@pytest.mark.usefixtures("cpu")
def test_nothing_is_decided_on_cpu() -> None:
    assert not takes_compile(arguments := {"compile": "auto"})
    assert {} == arguments


@pytest.mark.usefixtures("cpu")
def test_compiling_on_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="without compilation"):
        takes_compile({"compile": True})


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("arguments", [{"compile": "often"}, {"compile": 2}, {"compile": True, "enforce_eager": True}])
def test_nonsense_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="compile"):
        takes_compile(arguments)
