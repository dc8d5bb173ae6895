"""Media: lazy images that remember where their pixels come from, and the form in which media reach an engine.

May decode and hash; knows nothing of tasks, prompts or models.
"""

from fasteval.media.lazy import LazyImage
from fasteval.media.media import Media, decode_image, eight_bits, to_media
from fasteval.media.thumbnail import thumbnail

__all__ = ["LazyImage", "Media", "decode_image", "eight_bits", "thumbnail", "to_media"]
