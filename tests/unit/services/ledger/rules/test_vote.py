"""Which votes are fit to be stored."""

from typing import Any

import pytest

from lamina.formats.canonical_json import parse
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import InvalidSignature, ValidationError
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.rules.vote import open_vote

BLOCK, BEFORE = "a" * 64, "c" * 64
node, other = KeyPair.generate(), KeyPair.generate()
signed = sign_vote(node, block_id=BLOCK, previous_block=BEFORE, is_valid=False, timestamp="1500018524")
document: dict[str, Any] = parse(signed.body)


def changed(**statement: object) -> dict[str, Any]:
    return {**document, "vote": {**document["vote"], **statement}}


def test_a_signed_vote_is_read_as_it_was_signed() -> None:
    assert open_vote(document) == signed


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {**document, "more": 1},
        {**document, "vote": {**document["vote"], "more": 1}},
        changed(voting_for_block="short"),
        changed(voting_for_block=BLOCK + "0"),
        changed(previous_block=BLOCK.upper()),
        changed(previous_block=BLOCK),
        changed(is_block_valid=1),
        changed(timestamp=1500018524),
        changed(invalid_reason=7),
    ],
)
def test_what_has_not_the_form_of_a_vote_is_refused(broken: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        open_vote(broken)
    assert not isinstance(refusal.value, InvalidSignature)


@pytest.mark.parametrize(
    "forged",
    [
        changed(is_block_valid=True),
        changed(previous_block="d" * 64),
        {**document, "node_pubkey": other.public},
    ],
)
def test_a_vote_its_voter_did_not_sign_is_refused(forged: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        open_vote(forged)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-7.2, "0000000000"), (42.4, "0000000042"), (1_500_018_523.6, "1500018524"), (4e10, "40000000000")],
)
def test_a_vote_has_its_form_whatever_the_clock_says(seconds: float, text: str) -> None:
    timestamp = write_timestamp(seconds)
    vote = sign_vote(node, block_id=BLOCK, previous_block=BEFORE, is_valid=True, timestamp=timestamp)
    assert timestamp == text
    assert open_vote(parse(vote.body)) == vote
