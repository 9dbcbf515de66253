"""A search text as MongoDB's $text reads it, as a tsquery (spec/ledger.md 3.8)."""

import re
from dataclasses import dataclass

from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.rules.words import lexeme, words_of

_PHRASE = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Question:
    """What an asset must match, what its score is taken from, and ids asked for by name.

    `needed` and `ranked` are tsquery texts; empty where the question has no words, and then only ids match.
    """

    needed: str
    ranked: str
    ids: tuple[str, ...]


def parse_search(text: str) -> Question:
    """Words are alternatives; every "phrase" is required; -words must be absent; all else is separators.

    A question of stop words or refusals alone asks for nothing.
    """
    phrases = [query for phrase in _PHRASE.findall(text) if (query := _phrase(phrase))]
    tokens = _PHRASE.sub(" ", text).split()
    refused = [query for token in tokens if token[0] == "-" and (query := _phrase(token))]
    words = [word for token in tokens if token[0] != "-" for word in words_of(token)]
    terms = [_quoted(stem) for word in words if (stem := lexeme(word)) is not None]
    required = phrases or ([" | ".join(terms)] if terms else [])
    needed = " & ".join([f"({query})" for query in required] + [f"!({query})" for query in refused])
    ids = tuple(word for word in words if is_id(word))
    return Question(needed if required else "", " | ".join(terms + phrases), ids)


def _phrase(text: str) -> str:
    """Lexemes at the distances they have in the text; stop words keep their place."""
    query = ""
    distance = 0
    for word in words_of(text):
        distance += 1
        stem = lexeme(word)
        if stem is not None:
            query = f"{query} <{distance}> {_quoted(stem)}" if query else _quoted(stem)
            distance = 0
    return query


def _quoted(stem: str) -> str:
    """Words hold no quote and no backslash: both separate words."""
    return f"'{stem}'"
