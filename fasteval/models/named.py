"""Models by the names that people use: `--model qwen2-vl` is a checkpoint and the prompts that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["NAMED", "SYNONYMS", "NamedModel"]


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A name for `--model`.

    Attributes:
        name: what is typed.
        backend: "vllm", "hf", "openai" (servers) or "replay".
        checkpoint: the Hub name or folder that is loaded without `pretrained=`; None where one must be given.
        prompt_profile: the entry of `lmms_eval_specific_kwargs` that belongs to the model ("default" where a task
            has none of that name).
        description: one line.
    """

    name: str
    backend: str
    checkpoint: str | None
    prompt_profile: str
    description: str


_DEMO = str(Path(__file__).parent.parent / "demo" / "checkpoint")
_CHECKPOINTS = (
    ("demo", _DEMO, "qwen2_vl", "the bundled 1.5 M-parameter Qwen2-VL, trained on easy-VQA"),
    ("qwen2-vl", "Qwen/Qwen2-VL-2B-Instruct", "qwen2_vl", "Qwen2-VL 2B Instruct"),
    ("qwen2.5-vl", "Qwen/Qwen2.5-VL-3B-Instruct", "qwen2_5_vl", "Qwen2.5-VL 3B Instruct"),
    ("qwen3-vl", "Qwen/Qwen3-VL-2B-Instruct", "qwen3_vl", "Qwen3-VL 2B Instruct"),
    ("llava-onevision", "llava-hf/llava-onevision-qwen2-0.5b-ov-hf", "llava_onevision", "LLaVA-OneVision 0.5B"),
    ("internvl3", "OpenGVLab/InternVL3-1B-hf", "internvl3", "InternVL3 1B"),
    ("gemma3", "google/gemma-3-4b-it", "gemma3", "Gemma 3 4B Instruct"),
    ("smolvlm", "HuggingFaceTB/SmolVLM-256M-Instruct", "smolvlm", "SmolVLM 256M Instruct"),
)
_BACKENDS = {
    "vllm": "any checkpoint on vLLM: pretrained=<Hub name or folder>",
    "hf": "any checkpoint on transformers, slow: the reference to compare with",
    "openai": "a server that speaks OpenAI's protocol: base_url=http://…/v1, model=<name>",
    "replay": "recorded answers, no model: answers=<JSON lines file>",
}

#: All names, in the order in which they are listed.
NAMED = {
    **{name: NamedModel(name, "vllm", *about) for name, *about in _CHECKPOINTS},
    **{name: NamedModel(name, name, None, "default", description) for name, description in _BACKENDS.items()},
}

#: What lm-eval and lmms-eval call some of them. Where their name has a checkpoint of its own that is another one than
#: ours, it is no synonym.
SYNONYMS = {
    "qwen2_5_vl": "qwen2.5-vl",
    "openai_compatible": "openai",
    "local-completions": "openai",
    "local-chat-completions": "openai",
    "openai-completions": "openai",
    "openai-chat-completions": "openai",
    "vllm-vlm": "vllm",
    "vllm_generate": "vllm",
    "hf-multimodal": "hf",
    "huggingface": "hf",
}
