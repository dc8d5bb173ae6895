"""How vLLM's renderer keeps processed media where the engine is in the same process."""

from __future__ import annotations

from typing import Any

__all__ = ["keep_media_in_process"]


def keep_media_in_process(renderer: Any) -> bool:
    """Spares the renderer of an engine in this process what only an engine in another one needs.

    - One cache of processed media, in place of two that have to agree on what the other side has: a prompt that was
      processed and then refused, for its length say, would leave them at odds, and the next question about the same
      picture would end the engine.
    - Questions about one picture stand side by side: what was made of its media is kept from one to the next. The cache
      spares the pixels, but not the Python around them, which for a small picture takes longer than the model does.

    Each request must name all its media by content id (`multi_modal_uuids`), and may leave out the media themselves
    where they are those of the request before.

    Returns:
        Whether it is so now; a renderer that is built in another way is left as it is.
    """
    processor = getattr(renderer, "mm_processor", None)
    own_cache = getattr(renderer, "_mm_processor_only_cache", None)
    process = getattr(processor, "_cached_apply_hf_processor", None)
    finish = getattr(processor, "_postprocess_prompt", None)
    if processor is None or own_cache is None or process is None or finish is None:
        return False
    last: dict[tuple[tuple[str, tuple[str, ...]], ...], Any] = {}

    def process_once(inputs: Any, timing_ctx: Any) -> Any:
        media = tuple((modality, tuple(ids)) for modality, ids in sorted(inputs.mm_uuid_items.items()))
        if media in last:
            return last[media]._replace(prompt_ids=finish(inputs.prompt))
        last.clear()
        last[media] = process(inputs, timing_ctx)
        return last[media]

    renderer._mm_processor_cache = own_cache
    processor._cached_apply_hf_processor = process_once
    return True
