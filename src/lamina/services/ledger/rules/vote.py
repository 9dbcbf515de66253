"""Is a vote fit to be stored (spec/ledger.md 1.6, distribution-and-reliability G4)."""

from typing import Any, cast

from lamina.formats.canonical_json import encode
from lamina.services.ledger.errors import InvalidSignature, ValidationError
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.rules import election


def open_vote(document: object) -> Vote:
    """Check a vote's form and signature; whether it counts is the election's business.

    A vote that its voter did not sign would keep the voter's own vote out of its place.

    Raises:
        ValidationError: it has not the form of a vote, or names itself as its predecessor.
        InvalidSignature: `node_pubkey` did not sign it.
    """
    if not isinstance(document, dict):
        raise ValidationError("This is not a vote")
    vote = cast("dict[str, Any]", document)
    if not election.is_well_formed(vote) or not _has_ids(vote["vote"]):
        raise ValidationError("This is not a vote")
    if not election.is_eligible(vote, {vote["node_pubkey"]}):
        raise InvalidSignature("Invalid vote signature")
    statement = vote["vote"]
    return Vote(
        voter=vote["node_pubkey"],
        block_id=statement["voting_for_block"],
        previous_block=statement["previous_block"],
        is_valid=statement["is_block_valid"],
        body=encode({"node_pubkey": vote["node_pubkey"], "signature": vote["signature"], "vote": statement}),
    )


def _has_ids(statement: dict[str, Any]) -> bool:
    """The schema's pattern is unanchored; ids are exact, and a block never follows itself."""
    block, previous = statement["voting_for_block"], statement["previous_block"]
    return is_id(block) and is_id(previous) and block != previous
