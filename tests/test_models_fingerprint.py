from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fasteval.errors import CheckpointError
from fasteval.models.checkpoint import fingerprint
from fasteval.models.checkpoint.fingerprint import checkpoint_digest, engine_fingerprint
from fasteval.models.engine_config import EngineConfig
from fasteval.models.vllm.kv_cache import bytes_per_token, cpu_cache_bytes, fit_to_memory
from tests.checkpoints import make_llama


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return make_llama(tmp_path / "llama")


@pytest.fixture
def config(llama: Path) -> EngineConfig:
    return EngineConfig("vllm", llama, {"max_num_seqs": 8})


def changed(config: EngineConfig, **fields: Any) -> bool:
    return engine_fingerprint(config) != engine_fingerprint(dataclasses.replace(config, **fields))


def test_a_copy_elsewhere_has_the_same_fingerprint(config: EngineConfig, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(config.checkpoint, tmp_path / "copy"))
    assert not changed(config, checkpoint=copy)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_every_file_that_decides_is_in_the_fingerprint(config: EngineConfig, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(config.checkpoint, tmp_path / "copy"))
    with (copy / name).open("ab") as file:
        file.write(b" ")
    assert changed(config, checkpoint=copy)


@pytest.mark.parametrize("name", ["chat_template.jinja", "generation_config.json", "modeling.py"])
def test_a_new_file_that_decides_is_in_the_fingerprint(config: EngineConfig, name: str) -> None:
    before = engine_fingerprint(config)
    (config.checkpoint / name).write_text("{}")
    assert before != engine_fingerprint(config)


@pytest.mark.parametrize("name", ["README.md", "optimizer.pt", "trainer_state.json", ".gitattributes", "image.png"])
def test_files_that_no_engine_reads_are_not(config: EngineConfig, name: str) -> None:
    before = engine_fingerprint(config)
    (config.checkpoint / name).write_text("anything")
    assert before == engine_fingerprint(config)


@pytest.mark.parametrize(
    "fields",
    [
        {"backend": "hf"},
        {"dtype": "float32"},
        {"max_model_len": 100},
        {"rendering": "another template"},
        {"arguments": {"quantization": "fp8"}},
        {"arguments": {"kv_cache_dtype": "fp8"}},
        {"arguments": {"mm_processor_kwargs": {"max_pixels": 100}}},
        {"arguments": {"an_argument_of_a_later_version": 1}},
    ],
    ids=str,
)
def test_what_can_change_an_answer_is_in_the_fingerprint(config: EngineConfig, fields: dict[str, Any]) -> None:
    assert changed(config, **fields)


@pytest.mark.parametrize(
    "arguments",
    [{"tensor_parallel_size": 2}, {"block_size": 64}, {"gpu_memory_utilization": 0.5}, {"max_num_seqs": 1}, {}],
    ids=str,
)
def test_what_only_changes_the_speed_is_not(config: EngineConfig, arguments: dict[str, Any]) -> None:
    assert not changed(config, arguments=arguments)


def test_the_versions_of_the_engine_are_in_the_fingerprint(
    config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine_fingerprint(config)
    monkeypatch.setattr(fingerprint, "vllm_distribution", lambda: ("vllm", "99.0"))
    assert before != engine_fingerprint(config)


def test_a_folder_given_as_tokenizer_counts_by_its_contents(config: EngineConfig, tmp_path: Path) -> None:
    folders = [make_llama(tmp_path / name) for name in ("one", "two")]
    one, two = (dataclasses.replace(config, arguments={"tokenizer": str(folder)}) for folder in folders)
    assert engine_fingerprint(one) == engine_fingerprint(two)


def rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every file large enough to be remembered, and old enough."""
    monkeypatch.setattr(fingerprint, "_LARGE", 0)
    monkeypatch.setattr(fingerprint, "_REST_NS", -(10**18))


def test_large_files_are_read_once(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rest(llama, monkeypatch)
    first = checkpoint_digest(llama, tmp_path / "cache")
    monkeypatch.setattr("hashlib.file_digest", lambda file, _: pytest.fail(f"read {file} again"))
    assert first == checkpoint_digest(llama, tmp_path / "cache")


def test_a_remembered_file_that_changed_is_read_again(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(llama, monkeypatch)
    first = checkpoint_digest(llama, tmp_path / "cache")
    weights = llama / "model.safetensors"
    status = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))  # the change time gives it away
    assert first != checkpoint_digest(llama, tmp_path / "cache")


def test_a_file_written_this_moment_is_not_remembered(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_LARGE", 0)
    monkeypatch.setattr(fingerprint, "_REST_NS", 10**18)
    checkpoint_digest(llama, tmp_path / "cache")
    assert not (tmp_path / "cache" / "digests.json").exists()


def test_a_damaged_memory_of_digests_is_written_anew(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(llama, monkeypatch)
    (tmp_path / "digests.json").write_bytes(b"{half")
    first = checkpoint_digest(llama, tmp_path)
    assert first == checkpoint_digest(llama, tmp_path)
    assert (tmp_path / "digests.json").read_bytes().endswith(b"}")


def test_an_empty_folder_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no files of a checkpoint"):
        checkpoint_digest(tmp_path)


def test_a_token_costs_keys_and_values_of_every_layer_and_head() -> None:
    config = {"num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64}
    assert 2 * 3 * 2 * 8 * 4 == bytes_per_token(config, "float32")
    assert 2 * 3 * 2 * 8 * 2 == bytes_per_token({"text_config": config, "dtype": "bfloat16"})
    assert None is bytes_per_token({})


def test_a_context_that_fits_the_machine_is_not_lowered(config: EngineConfig) -> None:
    assert config == fit_to_memory(config)
    assert 64 << 20 <= cpu_cache_bytes(config)
    assert 64 << 20 == cpu_cache_bytes(config, 1 << 30)  # less than what the engine itself needs


def test_a_context_that_fits_no_machine_is_lowered(tmp_path: Path) -> None:
    config = EngineConfig("vllm", make_llama(tmp_path / "long", length=1 << 40))
    lowered = fit_to_memory(config).max_model_len
    assert lowered is not None
    assert 256 <= lowered < 1 << 40
