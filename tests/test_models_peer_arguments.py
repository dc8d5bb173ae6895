"""Model arguments of lm-eval's and lmms-eval's vLLM models."""

from __future__ import annotations

import logging

import pytest

from fasteval.errors import UsageError
from fasteval.media import FrameChoice
from fasteval.models.vllm.arguments import take_frames, translate_arguments


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
    [
        ("max_gen_toks", "--gen_kwargs max_new_tokens"),
        ("max_pixels", "mm_processor_kwargs"),
        ("media_io_kwargs", "max_num_frames"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_what_to_do(name: str, what_to_do: str) -> None:
    with pytest.raises(UsageError, match=f"model argument '{name}' is not supported: .*{what_to_do}"):
        translate_arguments({name: 1})


@pytest.mark.parametrize("name", ["max_num_frames", "max_frames_num", "max_frame_num", "nframes"])
def test_the_frames_of_a_video_are_chosen_under_each_name_that_harnesses_have(name: str) -> None:
    arguments = {name: 8, "fps": 2, "max_model_len": 64}
    assert FrameChoice(8, 2) == take_frames(arguments)
    assert {"max_model_len": 64} == arguments
    assert FrameChoice(32) == take_frames(arguments)
    with pytest.raises(UsageError, match="names of one thing"):
        take_frames({"nframes": 8, "max_num_frames": 4})
