"""Four nodes on one log, through their public doors: agreement, races, lost nodes, a lost log, and the way out.

The tests share one federation and run in their order; each leaves four nodes that agree, but the last ones.
"""

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from tests import plain_http
from tests.faults.ledger_load import Load
from tests.ledger_transactions import Document, Wallet, id_of
from tests.postgres_server import children_of, in_thread
from tests.process.stream_listener import listening
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

from lamina.formats import base58
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.rules import election
from lamina.services.ledger.rules.vote import open_vote

pytestmark = pytest.mark.timeout(120)

T = TypeVar("T")

NODES = 4
REASSIGN_S = 2
ANSWER_WITHIN_S = 5.0
RECOVERED_WITHIN_S = 5.0
NOTICED_WITHIN_S = 10.0
EXIT_WITHIN_S = 10.0
RACES = 3
LOG_PASSWORD = "shared/log:secret"
WRITERS_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO ledger_log.backlog %'
"""


@pytest.fixture(scope="module")
def federation() -> Iterator[RunningFederation]:
    environment = {
        "LAMINA_LEDGER__BACKLOG_REASSIGN_DELAY_S": str(REASSIGN_S),
        "LAMINA_LOG__LEVEL": "debug",
    }
    with running_federation(NODES, environment=environment) as federation:
        yield federation


@pytest.fixture
def nodes(federation: RunningFederation) -> Sequence[RunningPlatform]:
    return federation.nodes


def at_once(work: Callable[[RunningPlatform], T], nodes: Sequence[RunningPlatform]) -> list[T]:
    """Do the same to several nodes at the same time."""
    with ThreadPoolExecutor(len(nodes)) as threads:
        return list(threads.map(work, nodes))


def accepted_by(node: RunningPlatform) -> Document:
    """A new asset that a node has accepted."""
    document = Wallet().create()
    answer = post(node, document)
    assert answer.status_code == 202, answer.text
    return document


def test_every_node_names_itself_and_the_others(federation: RunningFederation) -> None:
    for number, node in enumerate(federation.nodes):
        root = plain_http.get(node.url, timeout=15).json()
        assert root["public_key"] == federation.keys[number]
        assert set(root["keyring"]) == set(federation.keys) - {root["public_key"]}


def test_what_any_node_accepts_is_valid_on_all_and_announced_once_by_each(
    federation: RunningFederation, nodes: Sequence[RunningPlatform]
) -> None:
    with listening(nodes) as listeners:
        documents = [accepted_by(node) for node in nodes]
        for listener in listeners:
            listener.wait_for([id_of(each) for each in documents])
        wait_valid(nodes, [id_of(each) for each in documents])
        # Streams tell decisions in their order: a second announcement comes before that of the next block.
        documents += [accepted_by(node) for node in nodes]
        for listener in listeners:
            listener.wait_for([id_of(each) for each in documents])
        heard = [listener.announced for listener in listeners]
    assert heard == [Counter({id_of(each): 1 for each in documents})] * NODES
    for document in documents:
        for node in nodes:
            assert get(node, f"transactions/{id_of(document)}").json() == document
        check_votes(federation, id_of(document))


def check_votes(federation: RunningFederation, tx_id: str) -> None:
    """Every node serves the same block with a vote of every member, and these elect it."""
    found = {tuple(get(node, "blocks", transaction_id=tx_id).json()) for node in federation.nodes}
    [(block_id,)] = found
    # A majority decides; the others' votes follow.
    wait_for(
        lambda: all(len(votes_on(node, block_id)) == NODES for node in federation.nodes),
        f"{NODES} votes on {block_id} at every node",
    )
    by_voter = [{vote["node_pubkey"]: vote for vote in votes_on(node, block_id)} for node in federation.nodes]
    assert by_voter == [by_voter[0]] * NODES
    votes = [open_vote(vote) for vote in by_voter[0].values()]
    assert {vote.voter for vote in votes} == set(federation.keys)
    assert {(vote.block_id, vote.is_valid) for vote in votes} == {(block_id, True)}
    block = get(federation.nodes[0], f"blocks/{block_id}").json()["block"]
    members = set(federation.keys)
    assert set(block["voters"]) == members
    held = election.hold(block_id, set(block["voters"]), members, list(by_voter[0].values()))
    assert (held.status, held.n_valid, held.n_invalid) == (Status.VALID, NODES, 0)
    assert not held.other_previous_block


def votes_on(node: RunningPlatform, block_id: str) -> list[dict[str, Any]]:
    """The votes a node serves."""
    return get(node, "votes", block_id=block_id).json()


def test_of_rivals_posted_to_all_nodes_at_once_one_wins_everywhere(
    federation: RunningFederation, nodes: Sequence[RunningPlatform]
) -> None:
    wallet = Wallet()
    source = wallet.create([1] * RACES)
    assert post(nodes[0], source).status_code == 202
    wait_valid(nodes, [id_of(source)])
    rivals = [[wallet.transfer(source, [index]) for _ in nodes] for index in range(RACES)]
    for race in rivals:
        answers = post_behind_a_lock(federation, race)
        assert [answer.status_code for answer in answers] == [202] * NODES

    posted = {id_of(each) for race in rivals for each in race}
    wait_for(lambda: len(rejections(nodes[0])) >= RACES * (NODES - 1), "all losers are recorded")
    listed = nodes[0].run("ledger", "rejected", "--json", "--limit", "1000")
    assert listed.returncode == 0, listed.stderr
    losers = {entry["transaction_id"]: entry["reason"] for entry in json.loads(listed.stdout)}
    assert Counter(losers.values()) == {"DoubleSpend": RACES * (NODES - 1)}
    winners = posted - losers.keys()
    assert [len(winners & {id_of(each) for each in race}) for race in rivals] == [1] * RACES
    wait_valid(nodes, sorted(winners))
    for node in nodes:
        assert [status_of(node, tx_id) for tx_id in losers] == [None] * len(losers)
        assert rejections(node) == losers


def rejections(node: RunningPlatform) -> dict[str, str]:
    """Reasons by transaction, as the admin listener has them."""
    listed = node.admin("ledger/rejected?limit=1000")
    return {entry["transaction_id"]: entry["reason"] for entry in listed}


def post_behind_a_lock(federation: RunningFederation, race: Sequence[Document]) -> list[httpx.Response]:
    """Post a rival to each node, and let none of them write before all of them have checked."""
    with ThreadPoolExecutor(NODES) as threads:
        posted = in_thread(_post_behind_a_lock(federation, race, threads))
        return [each.result() for each in posted]


async def _post_behind_a_lock(
    federation: RunningFederation, race: Sequence[Document], threads: ThreadPoolExecutor
) -> "list[Future[httpx.Response]]":
    connection, observer = [await asyncpg.connect(federation.log_dsn) for _ in range(2)]
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE ledger_log.backlog IN SHARE MODE")
            posted = [
                threads.submit(post, node, document)
                for node, document in zip(federation.nodes, race, strict=True)
            ]
            deadline = time.monotonic() + ANSWER_WITHIN_S
            while await observer.fetchval(WRITERS_WAITING) < NODES:
                assert time.monotonic() < deadline
            return posted
    finally:
        await connection.close()
        await observer.close()


def test_nodes_are_lost_and_come_back(
    federation: RunningFederation, nodes: Sequence[RunningPlatform]
) -> None:
    first, second, third, fourth = nodes
    kill_everything(fourth)
    decided = [accepted_by(node) for node in (first, second, third)]
    wait_valid([first, second, third], [id_of(each) for each in decided])

    kill_everything(third)
    waiting = [accepted_by(node) for node in (first, second, first)]
    in_block, block_id = wait_until_voted_on([first, second], [id_of(each) for each in waiting])
    members = set(federation.keys)
    held = election.hold(block_id, members, members, votes_on(first, block_id))
    assert (held.status, held.n_valid) == (Status.UNDECIDED, 2)
    for node in (first, second):
        assert {status_of(node, id_of(each)) for each in waiting} <= {"undecided", "backlog"}
        assert status_of(node, in_block) == "undecided"
        assert get(node, f"transactions/{in_block}").status_code == 404

    at_once(RunningPlatform.start, [third, fourth])
    wait_valid(nodes, [id_of(each) for each in (*decided, *waiting)])


def kill_everything(node: RunningPlatform) -> None:
    """SIGKILL every process of a node, its PostgreSQL too, as a power cut would."""
    assert node.process is not None
    pids = [node.process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # nothing may start another meanwhile
        pids += children_of(pid)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), "every process is gone")


def wait_until_voted_on(nodes: Sequence[RunningPlatform], tx_ids: Sequence[str]) -> tuple[str, str]:
    """Wait until each of these nodes knows the votes of all of these on a block with one of the transactions.

    Which is the first depends on the nodes they were given to. Returns its id and the block's.
    """
    found: list[tuple[str, str]] = []

    def is_voted_on() -> bool:
        for tx_id in tx_ids:
            for block_id in get(nodes[0], "blocks", transaction_id=tx_id).json():
                if all(len(votes_on(node, block_id)) == len(nodes) for node in nodes):
                    found.append((tx_id, block_id))
        return bool(found)

    wait_for(is_voted_on, "all who are left have voted")
    return found[0]


def test_without_the_log_nodes_serve_what_they_have(
    federation: RunningFederation, nodes: Sequence[RunningPlatform]
) -> None:
    source = accepted_by(nodes[0])
    wait_valid(nodes, [id_of(source)])

    federation.server.stop()
    try:
        at_once(lambda node: check_without_log(node, source), nodes)
    finally:
        federation.server.start()

    began = time.monotonic()
    recovered = at_once(lambda node: accepts_again(node, began), nodes)
    wait_valid(nodes, [id_of(each) for each in recovered])
    at_once(lambda node: wait_for_readiness(node, 200, RECOVERED_WITHIN_S), nodes)


def check_without_log(node: RunningPlatform, source: Document) -> None:
    """Reads go on, writes are refused in time, the node says why it is not ready, and lives."""
    assert get(node, f"transactions/{id_of(source)}").json() == source
    assert status_of(node, id_of(source)) == "valid"
    began = time.monotonic()
    answer = post(node, Wallet().create())
    assert time.monotonic() - began <= ANSWER_WITHIN_S
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    reasons = wait_for_readiness(node, 503, NOTICED_WITHIN_S).json()["reasons"]
    assert "The shared log: " in json.dumps(reasons)
    assert plain_http.get(f"{node.admin_url}/livez", timeout=5).status_code == 200
    assert get(node, f"transactions/{id_of(source)}").json() == source


def accepts_again(node: RunningPlatform, began: float) -> Document:
    """Post until a node accepts, which is soon."""
    while True:
        document = Wallet().create()
        answer = post(node, document)
        assert time.monotonic() - began <= RECOVERED_WITHIN_S
        if answer.status_code == 202:
            return document
        assert answer.status_code == 503, answer.text
        time.sleep(0.05)


def wait_for_readiness(node: RunningPlatform, status: int, within_s: float) -> httpx.Response:
    """Wait until `/readyz` answers with a status."""
    deadline = time.monotonic() + within_s
    while True:
        answer = plain_http.get(f"{node.admin_url}/readyz", timeout=5)
        if answer.status_code == status:
            return answer
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def test_no_secret_is_shown(federation: RunningFederation, nodes: Sequence[RunningPlatform]) -> None:
    written = secrets_of(federation)
    for node in nodes:
        assert node.process is not None
        for text in (everything_told_by(node), arguments_of(node.process.pid)):
            assert [name for name, forms in written.items() if any(form in text for form in forms)] == []
    assert "shared%2Flog%3Asecret" in (Path(f"/proc/{nodes[0].process.pid}/environ").read_text())


def secrets_of(federation: RunningFederation) -> dict[str, set[str]]:
    """Every node's private key and the log's password, each as it might be written."""
    found = {"password": {LOG_PASSWORD, quote(LOG_PASSWORD, safe=""), quote(LOG_PASSWORD)}}
    for number, node in enumerate(federation.nodes):
        private = node.environment()["LAMINA_LEDGER__KEYPAIR_PRIVATE"]
        found[f"key of node {number}"] = {private, base58.decode(private).hex()}
    return found


def everything_told_by(node: RunningPlatform) -> str:
    """Its logs and its documents, the guarded ones too."""
    pages = [f"{node.url}/", *(f"{node.admin_url}/{name}" for name in ("status", "readyz", "metrics"))]
    texts = [plain_http.get(page, timeout=15).text for page in pages]
    logs = [node.log, *(path for path in node.data_dir.rglob("*.log") if path.is_file())]
    assert len(logs) > 1
    return "\n".join([*texts, *(path.read_text(errors="replace") for path in logs)])


def arguments_of(pid: int) -> str:
    """What `ps` shows of a process and of all below it."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "\n".join([own, *(arguments_of(child) for child in children_of(pid))])


def test_sigterm_drains_and_loses_nothing(nodes: Sequence[RunningPlatform]) -> None:
    leaving, *staying = nodes
    load = Load(leaving.url, 1)
    with load.running():
        wait_for(lambda: load.answers["accepted"] > 10, "the load is accepted")
        began = time.monotonic()
        assert leaving.stop() == 0
        assert time.monotonic() - began <= EXIT_WITHIN_S
    assert load.surprises == []

    def not_ended() -> set[str]:
        rejected = rejections(staying[0]).keys()
        return {tx_id for tx_id in load.accepted.keys() - rejected if status_of(staying[0], tx_id) != "valid"}

    wait_for(lambda: not not_ended(), "all that was accepted is valid or rejected")
    wait_valid(staying[1:], sorted(load.accepted.keys() - rejections(staying[0]).keys()))


def test_every_copy_verifies_and_every_node_ends_in_order(nodes: Sequence[RunningPlatform]) -> None:
    for proof in at_once(lambda node: node.run("ledger", "verify", "--json"), nodes):
        assert proof.returncode == 0, proof.stdout + proof.stderr
        document = json.loads(proof.stdout)
        assert document["flaw_count"] == 0
        assert document["votes"] >= NODES
        assert len(document["members"]) == NODES
    assert at_once(RunningPlatform.stop, nodes) == [0] * NODES
