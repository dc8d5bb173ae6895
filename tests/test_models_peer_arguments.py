"""Model arguments of lm-eval's and lmms-eval's vLLM models."""

from __future__ import annotations

import logging

import pytest

from fasteval.errors import UsageError
from fasteval.models.peer_arguments import translate_arguments


def test_vllms_own_arguments_pass() -> None:
    assert {"tensor_parallel_size": 2, "max_model_len": 64} == translate_arguments(
        {"tensor_parallel_size": 2, "max_model_len": 64, "quantization": None}
    )


def test_lm_evals_name_of_the_length_is_vllms() -> None:
    assert {"max_model_len": 64} == translate_arguments({"max_length": 64})


def test_what_is_not_needed_is_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fasteval.models"):
        assert {} == translate_arguments({"batch_size": 64, "device": "cuda"})
    assert "model argument batch_size is not needed: vLLM batches continuously" in caplog.messages


@pytest.mark.parametrize(
    ("name", "what_to_do"),
    [("max_gen_toks", "--gen_kwargs max_new_tokens"), ("max_pixels", "mm_processor_kwargs"), ("fps", "videos")],
)
def test_what_cannot_be_honoured_is_refused_with_what_to_do(name: str, what_to_do: str) -> None:
    with pytest.raises(UsageError, match=f"model argument '{name}' is not supported: .*{what_to_do}"):
        translate_arguments({name: 1})
