"""`lmms_eval.tasks.asr_wer_utils`: word error rates of transcripts."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from fasteval.compat.missing import import_or_refuse
from fasteval.metrics.levenshtein import word_edits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["DEFAULT_PUNCS", "EvaluationTokenizer", "compute_wer", "remove_sp", "zhconv_convert"]

DEFAULT_PUNCS = "!,.?;:"

#: sacrebleu's tokenizers: name -> module and class.
_TOKENIZERS = {
    "13a": ("tokenizer_13a", "Tokenizer13a"),
    "char": ("tokenizer_char", "TokenizerChar"),
    "intl": ("tokenizer_intl", "TokenizerV14International"),
    "ja-mecab": ("tokenizer_ja_mecab", "TokenizerJaMecab"),
    "zh": ("tokenizer_zh", "TokenizerZh"),
}


def remove_sp(text: str, language: str, *, puncs: str = DEFAULT_PUNCS, no_space_languages: Collection[str] = ()) -> str:
    """Returns the text without special tokens `<|…|>`, spaces before punctuation and doubled spaces.

    Of the languages that are written without spaces, all of them are dropped.
    """
    text = re.sub(r"\s+", " ", re.sub(r"<\|.*?\|>", " ", text))
    text = re.sub(f" ?([{puncs}])", r"\1", text).lstrip(" ")
    return re.sub(r"\s+", "", text) if language in no_space_languages else text


class EvaluationTokenizer:
    """Splits a transcript into words, with what does not count taken out."""

    SPACE = " "
    SPACE_ESCAPE = "\u2581"

    def __init__(
        self,
        tokenizer_type: str = "13a",
        lowercase: bool = False,
        punctuation_removal: bool = False,
        character_tokenization: bool = False,
    ) -> None:
        """Sets the tokenizer, "none" or one of sacrebleu's, and what is taken out.

        Raises:
            UnsupportedError: the tokenizer is sacrebleu's, and that is not installed.
            KeyError: there is no such tokenizer.
        """
        self.lowercase, self.punctuation_removal = lowercase, punctuation_removal
        self.character_tokenization = character_tokenization
        self.tokenizer: Callable[[], Callable[[str], str]] = lambda: str
        if tokenizer_type != "none":
            module, name = _TOKENIZERS[tokenizer_type]
            self.tokenizer = getattr(import_or_refuse(f"sacrebleu.tokenizers.{module}", "EvaluationTokenizer"), name)

    @classmethod
    def remove_punctuation(cls, sent: str) -> str:
        """Returns the sentence without the words that are nothing but punctuation."""
        words = sent.split(cls.SPACE)
        kept = [word for word in words if not all(unicodedata.category(mark)[0] == "P" for mark in word)]
        return cls.SPACE.join(kept)

    def tokenize(self, sent: str) -> str:
        """Returns the sentence's tokens, joined by spaces."""
        text = self.tokenizer()(sent)
        if self.punctuation_removal:
            text = self.remove_punctuation(text)
        if self.character_tokenization:
            text = self.SPACE.join(text.replace(self.SPACE, self.SPACE_ESCAPE))
        return text.lower() if self.lowercase else text


def compute_wer(
    refs: Sequence[str],
    hyps: Sequence[str],
    language: str,
    *,
    yue_languages: Collection[str] = (),
    english_languages: Collection[str] = (),
    chinese_languages: Collection[str] = (),
    char_languages: Collection[str] = (),
    yue_converter: Callable[[str, str], str] | None = None,
    english_normalizer: Callable[[str], str] | None = None,
    chinese_normalizer: Callable[[str], str] | None = None,
    basic_normalizer: Callable[[str], str] | None = None,
) -> float:
    """Returns the edits between all pairs of transcripts, over the number of words in `refs`.

    The normalisers apply to the languages that name them, in this order: Cantonese to simplified Chinese, English,
    Chinese, and the basic one to all that are not Chinese. Of `char_languages` characters are counted, not words.
    """
    tokenizer = EvaluationTokenizer("none", lowercase=True, punctuation_removal=True)

    def items(text: str) -> list[str]:
        if language in yue_languages and yue_converter is not None:
            text = yue_converter(text, "zh-cn")
        if language in english_languages and english_normalizer is not None:
            text = english_normalizer(text)
        if language in chinese_languages and chinese_normalizer is not None:
            text = chinese_normalizer(text)
        elif basic_normalizer is not None:
            text = basic_normalizer(text)
        words = tokenizer.tokenize(text).split()
        return list("".join(words)) if language in char_languages else words

    pairs = [(items(reference), items(answer)) for reference, answer in zip(refs, hyps, strict=True)]
    return sum(word_edits(*pair) for pair in pairs) / sum(len(reference) for reference, _ in pairs)


def zhconv_convert(text: str, target: str) -> str:
    """Returns Chinese text in another script, by the package `zhconv`.

    Raises:
        UnsupportedError: it is not installed.
    """
    converted: Any = import_or_refuse("zhconv", "zhconv_convert").convert(text, target)
    return str(converted)
