"""Elections as a pure function (spec/ledger.md 5.4)."""

from typing import Any

import pytest
from tests.shared_data import shared_records

from lamina.formats.canonical_json import parse
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import CriticalDuplicateVote
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.rules.election import decide, hold

BLOCK, OTHER, BEFORE = "a" * 64, "b" * 64, "c" * 64
nodes = [KeyPair.generate() for _ in range(5)]
everybody = frozenset(node.public for node in nodes)


def cast(
    node: KeyPair, *, block: str = BLOCK, previous: str = BEFORE, is_valid: bool = True
) -> dict[str, Any]:
    vote = sign_vote(node, block_id=block, previous_block=previous, is_valid=is_valid, timestamp="1500018524")
    return parse(vote.body)


def outcome(vector: dict[str, Any]) -> dict[str, Any]:
    """What an election ended with, in the words of the vectors."""
    voters, members = set(vector["block_voters"]), set(vector["keyring"])
    try:
        result = hold(vector["block_id"], voters, members, vector["votes"])
    except CriticalDuplicateVote:
        return {"exception": "CriticalDuplicateVote"}
    return {
        "status": result.status.word,
        "counts": {"n_valid": result.n_valid, "n_invalid": result.n_invalid},
        "previous_block": result.previous_block,
        "other_previous_block": result.other_previous_block,
        "n_ineligible": len(result.ineligible),
        "n_malformed": len(result.malformed),
    }


def test_every_vector_ends_as_in_the_original() -> None:
    for vector in shared_records("ledger", "votes.jsonl"):
        assert outcome(vector) == vector["result"], vector["name"]


def test_votes_that_disagree_on_the_block_before_count_against_each_other() -> None:
    votes = [cast(nodes[0]), cast(nodes[1]), cast(nodes[2], previous=OTHER)]
    result = hold(BLOCK, everybody, everybody, votes)
    assert (result.status, result.n_valid, result.n_invalid) == (Status.UNDECIDED, 2, 1)
    assert (result.previous_block, result.other_previous_block) == (BEFORE, {OTHER: 1})


def test_only_members_that_the_block_names_may_vote() -> None:
    votes = [cast(node) for node in nodes]
    two = frozenset(node.public for node in nodes[:2])
    assert hold(BLOCK, two, everybody, votes).n_valid == 2
    assert hold(BLOCK, everybody, two, votes).n_valid == 2
    assert hold(BLOCK, frozenset(), everybody, votes).status is Status.INVALID


def test_a_node_that_votes_twice_raises_an_alarm() -> None:
    with pytest.raises(CriticalDuplicateVote):
        hold(BLOCK, everybody, everybody, [cast(nodes[0]), cast(nodes[0], is_valid=False)])


@pytest.mark.parametrize(
    ("n_voters", "n_valid", "n_invalid", "status"),
    [
        (0, 0, 0, Status.INVALID),
        (1, 0, 0, Status.UNDECIDED),
        (1, 1, 0, Status.VALID),
        (2, 1, 0, Status.UNDECIDED),
        (2, 1, 1, Status.INVALID),
        (3, 2, 0, Status.VALID),
        (4, 2, 0, Status.UNDECIDED),
        (4, 0, 2, Status.INVALID),
        (5, 2, 2, Status.UNDECIDED),
        (5, 3, 2, Status.VALID),
        (5, 2, 3, Status.INVALID),
    ],
)
def test_a_majority_decides_and_a_tie_is_invalid(
    n_voters: int, n_valid: int, n_invalid: int, status: Status
) -> None:
    assert decide(n_voters, n_valid, n_invalid) is status


def test_no_later_vote_turns_an_election_that_has_ended() -> None:
    for n_voters in range(1, 8):
        for n_valid in range(n_voters + 1):
            for n_invalid in range(n_voters - n_valid + 1):
                now = decide(n_voters, n_valid, n_invalid)
                left = n_voters - n_valid - n_invalid
                later = {
                    decide(n_voters, n_valid + more, n_invalid + left - more) for more in range(left + 1)
                }
                assert now is Status.UNDECIDED or later == {now}


def test_a_vote_for_another_block_does_not_count() -> None:
    result = hold(BLOCK, everybody, everybody, [cast(node, block=OTHER) for node in nodes])
    assert (result.status, result.n_valid, len(result.ineligible)) == (Status.UNDECIDED, 0, 5)


@pytest.mark.parametrize(
    "vote",
    [
        {},
        {"node_pubkey": None, "signature": None, "vote": None},
        {"node_pubkey": ["x"], "signature": "y", "vote": {}},
        {"node_pubkey": {}, "signature": [], "vote": []},
        {"node_pubkey": nodes[0].public, "signature": "0OIl", "vote": {}},
        {"node_pubkey": nodes[0].public, "signature": "1" * 200, "vote": {}},
        {"node_pubkey": nodes[0].public, "signature": "1", "vote": {"x": float("nan")}},
    ],
)
def test_what_is_no_vote_does_not_count_and_does_no_harm(vote: dict[str, Any]) -> None:
    result = hold(BLOCK, everybody, everybody, [vote, *map(cast, nodes[1:4])])
    assert (result.status, list(result.ineligible)) == (Status.VALID, [vote])


def test_a_signed_statement_that_is_no_object_does_not_count() -> None:
    vote = cast(nodes[0])
    forged = {**vote, "vote": "text"}
    assert hold(BLOCK, everybody, everybody, [forged]).n_invalid == 0
