"""Three real nodes whose shared log is tampered with and restored, and whose membership changes."""

import itertools
import json
from collections.abc import Iterator

import pytest
from tests import plain_http
from tests.federation import created
from tests.postgres_server import execute, fetch
from tests.running_federation import (
    RunningFederation,
    get,
    post,
    running_federation,
    status_of,
    wait_for,
    wait_valid,
)
from tests.running_platform import RunningPlatform

DETECTED_WITHIN_S = 10.0
UNTIE = "DELETE FROM ledger_log.votes; "
TAMPERED = {
    "deleted": UNTIE + "DELETE FROM ledger_log.blocks WHERE seq = 3",
    "put in at the end": "INSERT INTO ledger_log.blocks (seq, prev, block_id, body) "
    "VALUES (999, 'nothing', repeat('f', 64), 'x')",
    "put in for another": UNTIE + "DELETE FROM ledger_log.blocks WHERE seq = 2; "
    "INSERT INTO ledger_log.blocks (seq, prev, block_id, body) VALUES (2, '-', repeat('f', 64), 'x')",
    "renamed": UNTIE + "UPDATE ledger_log.blocks SET block_id = repeat('0', 64) WHERE seq = 4",
    "renumbered": "UPDATE ledger_log.blocks SET seq = 999 WHERE seq = 2; "
    "UPDATE ledger_log.blocks SET seq = 2 WHERE seq = 3; "
    "UPDATE ledger_log.blocks SET seq = 3 WHERE seq = 999",
}
DOUBLES = {"put in for another", "renamed"}
"""Seen and given back like the deleted one, so they are for make test-soak."""
numbers = itertools.count()


@pytest.fixture(scope="module")
def federation() -> Iterator[RunningFederation]:
    with running_federation(3, environment={"LAMINA_LEDGER__BACKLOG_REASSIGN_DELAY_S": "2"}) as running:
        yield running


def make_valid(federation: RunningFederation, by: int = 0) -> str:
    document = created(n=next(numbers))
    assert post(federation.nodes[by], document).status_code == 202
    wait_valid(federation.nodes, [document["id"]])
    return document["id"]


def readiness(node: RunningPlatform) -> tuple[int, str]:
    answer = plain_http.get(f"{node.admin_url}/readyz", timeout=5)
    return answer.status_code, answer.text


def is_halted(node: RunningPlatform) -> bool:
    status, reasons = readiness(node)
    exposition = plain_http.get(f"{node.admin_url}/metrics", timeout=5).text
    return status == 503 and "ledger_conflict" in reasons and "lamina_ledger_halted 1.0" in exposition


def votes(node: RunningPlatform, tx_id: str) -> int:
    block = get(node, "blocks", transaction_id=tx_id).json()[0]
    return len(get(node, "votes", block_id=block).json())


@pytest.mark.timeout(180)
def test_a_rewritten_log_is_seen_halts_the_votes_and_is_restored(federation: RunningFederation) -> None:
    before = make_valid(federation)
    execute(federation.log_dsn, "UPDATE ledger_log.blocks SET body = body || ' ' WHERE seq = 2")
    for node in federation.nodes:
        wait_for(lambda n=node: is_halted(n), "the tampering is seen", DETECTED_WITHIN_S)
        assert plain_http.get(f"{node.admin_url}/livez", timeout=5).status_code == 200
        assert get(node, f"transactions/{before}").json()["id"] == before
    waiting = created(n="while halted")
    assert post(federation.nodes[1], waiting).status_code == 202
    planned = federation.nodes[2].run("ledger", "republish", "--plan", "--json")
    assert json.loads(planned.stdout)["blocks"] == 1, planned.stderr
    done = federation.nodes[2].run("ledger", "republish", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**json.loads(planned.stdout), "done": True}
    for node in federation.nodes:
        wait_for(lambda n=node: readiness(n)[0] == 200, "the alarm has ended", DETECTED_WITHIN_S)
    wait_valid(federation.nodes, [waiting["id"]])
    for node in federation.nodes:
        verified = node.run("ledger", "verify")
        assert verified.returncode == 0, verified.stdout
    assert federation.nodes[0].run("ledger", "evidence").stdout == "No member has contradicted itself.\n"


def signed(federation: RunningFederation) -> tuple[int, int]:
    """How many votes and blocks the nodes have published."""
    row = fetch(
        federation.log_dsn,
        "SELECT (SELECT position FROM ledger_log.vote_head), (SELECT seq FROM ledger_log.head)",
    )[0]
    return row[0], row[1]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(statements, id=name, marks=[pytest.mark.soak] if name in DOUBLES else [])
        for name, statements in TAMPERED.items()
    ],
)
def test_a_row_that_was_changed_is_seen_by_every_node_and_given_back(
    federation: RunningFederation, statements: str
) -> None:
    known = [make_valid(federation, by=n) for n in range(3)]
    for node in federation.nodes:
        wait_for(lambda n=node: votes(n, known[-1]) == 3, "every node has voted")
    execute(federation.log_dsn, statements)
    for node in federation.nodes:
        wait_for(lambda n=node: is_halted(n), "the tampering is seen", DETECTED_WITHIN_S)
    before = signed(federation)
    waiting = created(n=f"while halted: {statements}")
    assert post(federation.nodes[0], waiting).status_code == 202
    planned = federation.nodes[1].run("ledger", "republish", "--plan", "--json")
    assert planned.returncode == 0, planned.stderr
    for node in federation.nodes:
        assert [status_of(node, tx_id) for tx_id in known] == ["valid"] * 3
        assert status_of(node, waiting["id"]) == "backlog"
        assert is_halted(node)
    assert signed(federation) == before
    done = federation.nodes[1].run("ledger", "republish", "--json")
    assert json.loads(done.stdout) == {**json.loads(planned.stdout), "done": True}, done.stderr
    for node in federation.nodes:
        wait_for(lambda n=node: readiness(n)[0] == 200, "the alarm has ended", DETECTED_WITHIN_S)
    wait_valid(federation.nodes, [waiting["id"], make_valid(federation)])


@pytest.mark.timeout(180)
def test_a_member_is_removed_by_the_majority(federation: RunningFederation) -> None:
    first, second, third = federation.nodes
    assert votes(first, make_valid(federation)) == 3
    position = json.loads(first.run("ledger", "members", "list", "--json").stdout)["position"] + 2
    proposed = first.run(
        "ledger", "members", "propose", "remove", federation.keys[2], "--from-seq", str(position)
    )
    assert proposed.returncode == 0, proposed.stderr
    change = first.data_dir / "change.json"
    change.write_text(proposed.stdout)
    alone = first.data_dir / "alone.json"
    alone.write_text(first.run("ledger", "members", "sign", str(change)).stdout)
    refused = first.run("ledger", "members", "submit", str(alone))
    assert refused.returncode != 0
    assert "1 of 3 members signed the change" in refused.stderr
    other = second.data_dir / "other.json"
    other.write_text(second.run("ledger", "members", "sign", str(change)).stdout)
    submitted = second.run("ledger", "members", "submit", str(alone), str(other))
    assert submitted.returncode == 0, submitted.stderr
    for number in range(3):
        make_valid(federation, by=number % 2)
    assert votes(first, make_valid(federation)) == 2
    listed = json.loads(third.run("ledger", "members", "list", "--json").stdout)
    assert set(listed["members"]) == set(federation.keys[:2])
    assert plain_http.get(f"{first.url}/", timeout=5).json()["keyring"] == [federation.keys[1]]
    for node in federation.nodes:
        verified = node.run("ledger", "verify")
        assert verified.returncode == 0, verified.stdout
    assert status_of(third, make_valid(federation)) == "valid"
