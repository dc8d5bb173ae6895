"""Media: lazy images, videos and sounds that remember their source, and the form in which they reach an engine.

May decode and hash; knows nothing of tasks, prompts or models.
"""

from fasteval.media.audio import DecodedAudio, LazyAudio
from fasteval.media.frames import DEFAULT_FRAMES, FrameChoice
from fasteval.media.lazy import LazyImage
from fasteval.media.media import Media, decode_frames, decode_image, decode_sound, eight_bits, is_sound, to_media
from fasteval.media.sources import MEDIA_SUFFIXES, kind_of_bytes, kind_of_path, source_digest
from fasteval.media.thumbnail import thumbnail
from fasteval.media.video import DecodedVideo, LazyVideo

__all__ = [
    "DEFAULT_FRAMES",
    "MEDIA_SUFFIXES",
    "DecodedAudio",
    "DecodedVideo",
    "FrameChoice",
    "LazyAudio",
    "LazyImage",
    "LazyVideo",
    "Media",
    "decode_frames",
    "decode_image",
    "decode_sound",
    "eight_bits",
    "is_sound",
    "kind_of_bytes",
    "kind_of_path",
    "source_digest",
    "thumbnail",
    "to_media",
]
