"""Media as vLLM's renderer takes them, and how it keeps processed ones where the engine is in the same process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.errors import RequestError
from fasteval.media import DecodedAudio, DecodedVideo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.media import Media
    from fasteval.models.host.media_decoder import Decoded

__all__ = ["VLLMMedia", "keep_media_in_process"]


class VLLMMedia:
    """What a checkpoint takes beside text, and how it is handed over."""

    def __init__(self, renderer: Any, architecture: str) -> None:
        """Asks the renderer of a loaded engine; `architecture` is for messages."""
        processor = getattr(renderer, "mm_processor", None)
        self._info = None if processor is None else processor.info
        self._architecture = architecture
        #: The kinds of media that the checkpoint takes.
        self.kinds = frozenset(() if self._info is None else self._info.supported_mm_limits)

    def check(self, media: Sequence[Media]) -> None:
        """Refuses media that the checkpoint does not take.

        Raises:
            RequestError: there are some.
        """
        for kind in sorted({medium.kind for medium in media} - self.kinds):
            takes = ", ".join(sorted(self.kinds)) or "text only"
            raise RequestError(f"this checkpoint ({self._architecture}) takes no {kind}: it takes {takes}")

    def inputs(self, media: Sequence[Media], decoded: Sequence[Decoded], *, is_kept: bool) -> dict[str, Any]:
        """Returns the entries of a prompt: media by kind, each named by its content id; left out where they are kept.

        Raises:
            RequestError: a sound's rate cannot be made the checkpoint's own.
        """
        data: dict[str, list[Any]] = {}
        names: dict[str, list[str]] = {}
        for medium, item in zip(media, decoded, strict=True):
            data.setdefault(medium.kind, []).append(None if is_kept else self._item(item))
            names.setdefault(medium.kind, []).append(medium.content_id)
        return {"multi_modal_data": data, "multi_modal_uuids": names}

    def _item(self, item: Decoded) -> Any:
        if isinstance(item, DecodedAudio):
            target = None if self._info is None else self._info.data_parser.audio_resampler.target_sr
            sound = item if target is None else item.at_rate(int(target))
            return sound.samples, sound.rate
        if not isinstance(item, DecodedVideo):
            return item
        # The frames are chosen already: no processor is to choose among them again.
        return item.frames, {
            "total_num_frames": item.total,
            "fps": item.fps,
            "duration": item.duration,
            "frames_indices": list(item.indices),
            "video_backend": "pyav",
            "do_sample_frames": False,
        }


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
