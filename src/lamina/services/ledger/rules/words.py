"""The searchable words of an asset: string values at any depth, folded and stemmed (spec/ledger.md 3.8).

Assets and questions go through the same functions, so they cannot disagree about what a word is
(docs/adr/0008).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol, cast

import Stemmer


class _Stemmer(Protocol):
    """What is used of the Snowball binding, which has no types of its own."""

    def stemWord(self, word: str, /) -> str: ...  # noqa: N802 - the binding's name


CHARACTERS_MAX = 200_000  # a tsvector holds at most 1 MiB of lexemes
WORD_BYTES_MAX = 2046  # and a lexeme less than 2 KiB
_CACHED_STEMS = 65_536
_stemmer = cast("_Stemmer", Stemmer.Stemmer("english"))  # pyright: ignore[reportUnknownMemberType]
_WORD = re.compile(r"[^\W_]+")
_ASCII_FOLDED = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}

_STOP_TEXT = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
hers herself it its itself they them their theirs themselves what which who whom this that these
those am is are was were be been being have has had having do does did doing a an the and but if or
because as until while of at by for with about against between into through during before after
above below to from up down in out on off over under again further then once here there when where
why how all any both each few more most other some such no nor not only own same so than too very s
t can will just don should now
"""
_STOP_WORDS = frozenset(_STOP_TEXT.split())  # English, as MongoDB and PostgreSQL drop them


@lru_cache(_CACHED_STEMS)
def lexeme(word: str) -> str | None:
    """The stem of a folded word, or the word where it has digits; None for a stop word or one too long."""
    if word in _STOP_WORDS or len(word.encode()) > WORD_BYTES_MAX:
        return None
    return _stemmer.stemWord(word) if word.isalpha() else word


def words_of(text: str) -> list[str]:
    """Lower-case words without diacritics, in order, stop words included."""
    if text.isascii():
        return text.translate(_ASCII_FOLDED).split()
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _WORD.findall(bare.lower())


def asset_vector(data: object) -> str:
    """An asset's lexemes with their positions, in the text form of a tsvector; empty when there are none.

    A free position between two values keeps phrases from crossing from one into the other.
    """
    vector: dict[str, str] = {}
    position = characters = 0
    for value in _strings(data):
        characters += len(value)
        if characters > CHARACTERS_MAX:
            break
        for word in words_of(value):
            position += 1
            stem = lexeme(word)
            if stem is not None:
                vector[stem] = f"{vector[stem]},{position}" if stem in vector else f"'{stem}':{position}"
        position += 1
    return " ".join(vector.values())


def _strings(value: object, found: list[str] | None = None) -> list[str]:
    """String values at any depth, in document order."""
    found = [] if found is None else found
    children: Iterable[object] = ()
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        children = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        children = cast("list[object]", value)
    for child in children:
        _strings(child, found)
    return found
