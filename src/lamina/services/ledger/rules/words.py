"""The searchable words of an asset: string values at any depth, diacritics folded (spec/ledger.md 3.8)."""

import re
import unicodedata
from collections.abc import Iterator
from typing import cast

WORDS_CHARACTERS_MAX = 200_000  # a tsvector holds at most 1 MiB of lexemes
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Lower case without diacritics, words separated by single spaces."""
    if text.isalnum() and text.isascii():
        return text.lower()
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _BETWEEN_WORDS.sub(" ", text.lower()).strip()


def asset_words(data: object) -> str:
    """All string values of an asset, folded; a full stop keeps phrases from crossing values."""
    return " . ".join(word for word in map(fold, _strings(data)) if word)[:WORDS_CHARACTERS_MAX]


def _strings(value: object) -> Iterator[str]:
    """String values at any depth, in document order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in cast("dict[str, object]", value).values():
            yield from _strings(child)
    elif isinstance(value, list):
        for child in cast("list[object]", value):
            yield from _strings(child)
