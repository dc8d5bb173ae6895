"""Random checkpoints of several architectures, made from transformers' configurations: small, whole, untrained.

Used in a process of its own that has repaired torchvision, since it imports torch and transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.checkpoints import DEMO

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 4096
_HIDDEN, _HEADS = 64, 2
# Beginnings of weights' names as transformers saves them, and as the Hub's checkpoints have them, which vLLM expects.
_SIGLIP = (("vision_tower.", "vision_tower.vision_model."),)
#: What all texts of these tests are rendered with: media become the architecture's placeholders.
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% else %}{{ {'image': IMAGE, 'video': VIDEO, 'audio': AUDIO}[part['type']] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _template(**placeholders: str) -> str:
    given = {"IMAGE": "''", "VIDEO": "''", "AUDIO": "''"} | {name: repr(text) for name, text in placeholders.items()}
    template = _TEMPLATE
    for name, text in given.items():
        template = template.replace(name, text)
    return template


def _tokenizer(template: str, *special: str, **named: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(DEMO / "tokenizer.json"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        model_max_length=LENGTH,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=named,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [*special]}, replace_extra_special_tokens=False)
    tokenizer.chat_template = template
    return tokenizer


def _text(vocabulary: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": _HIDDEN,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _HEADS,
        "max_position_embeddings": LENGTH,
        "bos_token_id": None,
        "eos_token_id": 428,
        "pad_token_id": None,
        **more,
    }


def _siglip(size: int, patch: int) -> dict[str, Any]:
    return {
        "hidden_size": _HIDDEN,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": _HEADS,
        "image_size": size,
        "patch_size": patch,
    }


def _save(folder: Path, model: Any, processor: Any, rename: tuple[tuple[str, str], ...] = ()) -> Path:
    """Saves both; `rename` are beginnings of weights' names, and what vLLM expects in their place."""
    from safetensors.torch import load_file, save_file

    model.float().eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    if rename:
        weights = load_file(folder / "model.safetensors")
        for old, new in rename:
            weights = {name.replace(old, new, 1) if name.startswith(old) else name: w for name, w in weights.items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def qwen2_5_vl(folder: Path) -> Path:
    import transformers as hf

    place = "<|vision_start|><|{}_pad|><|vision_end|>"
    tokenizer = _tokenizer(_template(IMAGE=place.format("image"), VIDEO=place.format("video")))
    size = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    processor = hf.Qwen2_5_VLProcessor(
        image_processor=hf.Qwen2VLImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=hf.Qwen2VLVideoProcessor(size=size),
        chat_template=tokenizer.chat_template,
    )
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}
    config = hf.Qwen2_5_VLConfig(
        text_config=_text(len(tokenizer), rope_parameters=rope),
        vision_config={
            "depth": 2,
            "hidden_size": _HIDDEN,
            "intermediate_size": 128,
            "num_heads": _HEADS,
            "out_hidden_size": _HIDDEN,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    return _save(folder, hf.Qwen2_5_VLForConditionalGeneration(config), processor)


def llava_onevision(folder: Path) -> Path:
    import transformers as hf

    tokenizer = _tokenizer(_template(IMAGE="<image>", VIDEO="<video>"), "<image>", "<video>")
    size = {"height": 56, "width": 56}
    processor = hf.LlavaOnevisionProcessor(
        image_processor=hf.LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=[[56, 56], [56, 112]]),
        tokenizer=tokenizer,
        video_processor=hf.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=tokenizer.chat_template,
    )
    config = hf.LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **_text(len(tokenizer))},
        vision_config={"model_type": "siglip_vision_model", **_siglip(56, 14), "vision_use_head": False},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[56, 56], [56, 112]],
        vision_feature_layer=-1,
    )
    return _save(folder, hf.LlavaOnevisionForConditionalGeneration(config), processor, _SIGLIP)


def smolvlm(folder: Path) -> Path:
    import transformers as hf

    special = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    tokenizer = _tokenizer(_template(IMAGE="<image>"), *special)
    processor = hf.SmolVLMProcessor(
        image_processor=hf.SmolVLMImageProcessor(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 56}, do_image_splitting=False
        ),
        tokenizer=tokenizer,
        video_processor=hf.SmolVLMVideoProcessor(size={"longest_edge": 56}, max_image_size={"longest_edge": 56}),
        image_seq_len=4,
        chat_template=tokenizer.chat_template,
    )
    config = hf.SmolVLMConfig(
        text_config={"model_type": "llama", **_text(len(tokenizer))},
        vision_config={"model_type": "smolvlm_vision", **_siglip(56, 14)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return _save(folder, hf.SmolVLMForConditionalGeneration(config), processor)


def gemma3(folder: Path) -> Path:
    import transformers as hf

    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = _tokenizer(_template(IMAGE="<start_of_image>"), **named)
    # vLLM looks for these: Gemma's own vocabulary has runs of line breaks.
    tokenizer.add_tokens(["\n", "\n\n", "\n\n\n", "\n\n\n\n"])
    processor = hf.Gemma3Processor(
        image_processor=hf.Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=tokenizer.chat_template,
    )
    config = hf.Gemma3Config(
        text_config=_text(len(tokenizer), head_dim=32, sliding_window=64),
        vision_config={"model_type": "siglip_vision_model", **_siglip(56, 14)},
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
    )
    return _save(folder, hf.Gemma3ForConditionalGeneration(config), processor, _SIGLIP)


def qwen2_audio(folder: Path) -> Path:
    import transformers as hf

    place = "<|audio_bos|><|AUDIO|><|audio_eos|>"
    tokenizer = _tokenizer(_template(AUDIO=place), "<|audio_bos|>", "<|AUDIO|>", "<|audio_eos|>")
    processor = hf.Qwen2AudioProcessor(
        feature_extractor=hf.WhisperFeatureExtractor(feature_size=16),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )
    config = hf.Qwen2AudioConfig(
        text_config={"model_type": "qwen2", **_text(len(tokenizer))},
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": 16,
            "d_model": _HIDDEN,
            "encoder_layers": 2,
            "encoder_attention_heads": _HEADS,
            "encoder_ffn_dim": 128,
            "max_source_positions": 1500,
        },
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    rename = (("language_model.model.model.", "language_model.model."),)
    return _save(folder, hf.Qwen2AudioForConditionalGeneration(config), processor, rename)


def internvl(folder: Path) -> Path:
    import transformers as hf

    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = _tokenizer(_template(IMAGE="<IMG_CONTEXT>", VIDEO="<video>"), **named)
    size = {"height": 56, "width": 56}
    processor = hf.InternVLProcessor(
        image_processor=hf.GotOcr2ImageProcessor(size=size, crop_to_patches=False, max_patches=1),
        tokenizer=tokenizer,
        video_processor=hf.InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=tokenizer.chat_template,
    )
    config = hf.InternVLConfig(
        text_config={"model_type": "qwen2", **_text(len(tokenizer))},
        vision_config={
            "hidden_size": _HIDDEN,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": _HEADS,
            "image_size": [56, 56],
            "patch_size": [14, 14],
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    return _save(folder, hf.InternVLForConditionalGeneration(config), processor)


#: By architecture.
MAKERS = {
    "Qwen2_5_VLForConditionalGeneration": qwen2_5_vl,
    "LlavaOnevisionForConditionalGeneration": llava_onevision,
    "SmolVLMForConditionalGeneration": smolvlm,
    "Gemma3ForConditionalGeneration": gemma3,
    "InternVLForConditionalGeneration": internvl,
    "Qwen2AudioForConditionalGeneration": qwen2_audio,
}
