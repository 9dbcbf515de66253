"""How an election ends: a function of voters, membership and votes (spec/ledger.md 5.4)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

from lamina.formats import base58, signatures
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.services.ledger.errors import CriticalDuplicateVote
from lamina.services.ledger.model.status import Status

_HASH = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_KEY = re.compile(r"[1-9a-zA-Z^OIl]{43,44}")
_SIGNATURE = re.compile(r"[1-9a-zA-Z^OIl]{86,88}")
_STATEMENT = {"voting_for_block", "previous_block", "is_block_valid", "invalid_reason", "timestamp"}


@dataclass(frozen=True, slots=True)
class Election:
    """The result for one block; votes are the documents as received."""

    block_id: str
    status: Status
    n_valid: int
    n_invalid: int
    previous_block: str | None
    other_previous_block: Mapping[str, int]
    malformed: Sequence[Mapping[str, Any]]
    ineligible: Sequence[Mapping[str, Any]]


def hold(
    block_id: str, voters: AbstractSet[str], members: AbstractSet[str], votes: Sequence[Mapping[str, Any]]
) -> Election:
    """Count votes on one block.

    Args:
        block_id: the block the votes are for.
        voters: public keys listed in the block.
        members: public keys of the membership, this node's own included.
        votes: vote documents, in the order they were counted.

    Raises:
        CriticalDuplicateVote: one eligible node voted twice.
    """
    electorate = voters & members
    eligible: list[Mapping[str, Any]] = []
    ineligible: list[Mapping[str, Any]] = []
    for vote in votes:
        counts = is_eligible(vote, electorate) and _concerns(vote, block_id)
        (eligible if counts else ineligible).append(vote)
    _refuse_duplicates(eligible)
    malformed = [vote for vote in eligible if not is_well_formed(vote)]
    approvals = Counter(
        vote["vote"]["previous_block"]
        for vote in eligible
        if vote not in malformed and vote["vote"]["is_block_valid"]
    )
    previous_block, n_valid = approvals.most_common(1)[0] if approvals else (None, 0)
    n_invalid = len(eligible) - n_valid
    others = {block: count for block, count in approvals.items() if block != previous_block}
    status = decide(len(electorate), n_valid, n_invalid)
    return Election(block_id, status, n_valid, n_invalid, previous_block, others, malformed, ineligible)


def decide(n_voters: int, n_valid: int, n_invalid: int) -> Status:
    """INVALID is tested first, so a tie is invalid and so is an election nobody may vote in."""
    if 2 * n_invalid >= n_voters:
        return Status.INVALID
    if 2 * n_valid > n_voters:
        return Status.VALID
    return Status.UNDECIDED


def is_well_formed(vote: Mapping[str, Any]) -> bool:
    """The vote schema of spec/ledger.md 1.6."""
    if set(vote) != {"node_pubkey", "signature", "vote"} or not isinstance(vote["vote"], dict):
        return False
    statement = cast("dict[str, Any]", vote["vote"])
    return (
        set(statement) == _STATEMENT
        and _matches(_HASH, statement["voting_for_block"])
        and _matches(_HASH, statement["previous_block"])
        and isinstance(statement["is_block_valid"], bool)
        and (statement["invalid_reason"] is None or isinstance(statement["invalid_reason"], str))
        and _matches(_TIMESTAMP, statement["timestamp"])
        and _matches(_KEY, vote["node_pubkey"])
        and _matches(_SIGNATURE, vote["signature"])
    )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.search(value) is not None


def is_eligible(vote: Mapping[str, Any], electorate: AbstractSet[str]) -> bool:
    """Whether one of the electorate signed the vote, whatever it says."""
    voter, signature = vote.get("node_pubkey"), vote.get("signature")
    if not isinstance(voter, str) or not isinstance(signature, str) or voter not in electorate:
        return False
    try:
        statement = encode(vote["vote"])
        return signatures.verify(base58.decode_key(voter), statement, base58.decode(signature))
    except (FormatError, KeyError):
        return False


def _concerns(vote: Mapping[str, Any], block_id: str) -> bool:
    """A signed vote for another block, stored beside this one, says nothing of this one."""
    statement = vote["vote"]
    return (
        isinstance(statement, dict) and cast("dict[str, Any]", statement).get("voting_for_block") == block_id
    )


def _refuse_duplicates(eligible: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter(vote["node_pubkey"] for vote in eligible)
    twice = [voter for voter, count in counts.items() if count > 1]
    if twice:
        raise CriticalDuplicateVote(f"Voted more than once for one block: {', '.join(sorted(twice))}")
