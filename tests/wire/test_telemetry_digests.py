"""Days that are over are digested; what readers are told stays exact, whatever comes late or is purged."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.telemetry_messages import NETWORK_STATE, Node, Payload
from tests.telemetry_service import Telemetry, telemetry_running, wait_until

DAYS = 12
"""Daily partitions before those that a fresh platform makes."""
RARE = "pallet_rare"


def midnight(days: int) -> datetime:
    """The begin of a day in UTC, counted from today."""
    return datetime.combine(datetime.now(UTC).date() + timedelta(days=days), datetime.min.time(), UTC)


@pytest.fixture
def telemetry(postgres: str) -> Iterator[Telemetry]:
    """A service that has run for some days and digests them within a second."""
    with telemetry_running(postgres, purge_interval_s=1) as running:
        _age(running)
        yield running


def _age(telemetry: Telemetry) -> None:
    """The daily partitions of a platform that was started some days ago."""
    telemetry.query("DROP TABLE telemetry.tetcore_logs_past")
    first = midnight(-1 - DAYS)
    parent = "telemetry.tetcore_logs_expiring"
    telemetry.query(
        f"CREATE TABLE telemetry.tetcore_logs_past PARTITION OF {parent} FOR VALUES FROM (MINVALUE) TO ('{first:%Y-%m-%d}')"
    )
    for number in range(DAYS):
        begin = first + timedelta(days=number)
        telemetry.query(
            f"CREATE TABLE telemetry.tetcore_logs_{begin:%Y_%m_%d} PARTITION OF {parent} "
            f"FOR VALUES FROM ('{begin:%Y-%m-%d}') TO ('{begin + timedelta(days=1):%Y-%m-%d}')"
        )


def wait_digested(telemetry: Telemetry, days: int = DAYS) -> None:
    """Until so many days before yesterday are digested, as if nothing had come late to them for an hour."""

    def are_digested() -> bool:
        telemetry.query("UPDATE telemetry.digests SET stale_at = '-infinity' WHERE NOT is_whole")
        return digested(telemetry) >= days

    wait_until(are_digested, lambda: telemetry.platform.log_tail(5))


def digested(telemetry: Telemetry) -> int:
    (row,) = telemetry.query(
        "SELECT count(*) AS count FROM telemetry.digests WHERE is_whole AND until <= $1",
        midnight(-1).replace(tzinfo=None),
    )
    return row["count"]


class Said:
    """What a node said, and what may be read of it."""

    def __init__(self, telemetry: Telemetry, *, path: str = "/") -> None:
        self.telemetry = telemetry
        self.node = Node(time.time_ns(), at=midnight(-1 - DAYS) + timedelta(hours=1))
        self.messages: list[Payload] = []
        self.path = path

    def say(self, *messages: Payload) -> None:
        """On a connection of its own; returns when all of it is stored."""
        self.node.at = datetime.now(UTC)
        greeting = self.node.hello()
        self.messages += [greeting, *messages]
        self.telemetry.send([greeting, *messages], self.path)
        self.telemetry.wait_stored(self.node.peer_id, len(self.messages))

    def forget(self, before: datetime) -> None:
        """As a purge does."""
        self.messages = [each for each in self.messages if moment(each) >= before]

    def check(self) -> None:
        """Every answer is that of the messages."""
        told = self.telemetry.stats(self.node.peer_id)
        assert told == Counter(each.get("msg", "unknown") for each in self.messages)
        self._check_logs()
        for msg in {*told, "none"} - {"unknown"}:
            self._check_logs(msg=msg)
        for target in ("frame_system", RARE, "nowhere"):
            self._check_logs(target=target)
            self._check_logs(target=target, msg="tracing.profiling")

    def _check_logs(self, **wanted: str) -> None:
        expected = [
            each for each in self.messages if all(each.get(name) == value for name, value in wanted.items())
        ]
        expected.sort(key=moment)
        assert self.telemetry.documents(self.node.peer_id, **wanted) == expected, wanted
        newest = self.telemetry.get("/nodes/logs", peer_id=self.node.peer_id, limit=2, **wanted)
        assert [each["logs"] for each in newest] == expected[: -3 if len(expected) > 2 else None : -1], wanted


def moment(message: Payload) -> datetime:
    return datetime.fromisoformat(message["ts"])


def at(days: int, **after: float) -> str:
    return (midnight(days) + timedelta(**after)).isoformat()


def year(number: int = 0) -> list[Payload]:
    """Something of every day, a rare type, a rare target, no type at all."""
    said: list[Payload] = []
    for day in range(-1 - DAYS, 1):
        said += [
            {"msg": "block.import", "height": number, "ts": at(day, minutes=1)},
            {"msg": "tracing.profiling", "target": "frame_system", "name": "x", "ts": at(day, minutes=2)},
            {"height": day, "ts": at(day, minutes=3)},
        ]
    said += [
        {"msg": "rare", "ts": at(-10, minutes=4)},
        {"msg": "evening", "ts": at(-6, hours=20)},
        {"msg": "tracing.profiling", "target": RARE, "name": "x", "ts": at(-9, minutes=5)},
        {"msg": "other", "target": RARE, "ts": at(-2 - DAYS, minutes=5)},
        {"msg": 'odd " \\ \N{SNOWMAN}', "target": 5, "ts": at(-8, minutes=6)},
    ]
    return said


def states(days: range, remote: dict[str, int], minute: int = 10) -> list[Payload]:
    """A network state for each day."""
    return [
        {
            "msg": NETWORK_STATE,
            "state": {"peerset": {"nodes": {
                name: {"reputation": value + day, "connected": day % 2 == 0} for name, value in remote.items()
            }}},
            "ts": at(day, minutes=minute),
        }
        for day in days
    ]  # fmt: skip


def reported(telemetry: Telemetry, remote: str, **params: Any) -> list[tuple[str, str, Any, Any]]:
    rows = telemetry.get(f"/reputation/{remote}", **params)
    return [(row["reporting_peer"], row["ts"], row["reputation"], row["connected"]) for row in rows]


def expected_of(reporters: list[Said], remote: str) -> list[tuple[str, str, Any, Any]]:
    return sorted(
        (said.node.peer_id, f"{moment(each):%Y-%m-%dT%H:%M:%S}", node["reputation"], node["connected"])
        for said in reporters
        for each in said.messages
        if each.get("msg") == NETWORK_STATE
        for name, node in each["state"]["peerset"]["nodes"].items()
        if name == remote
    )


def test_answers_are_the_same_before_and_after_the_digest(telemetry: Telemetry) -> None:
    said, audited = Said(telemetry), Said(telemetry, path="/audit")
    said.say(*year(1))
    said.say(*year(2)[::2])
    audited.say(*year(3))
    said.check()
    audited.check()
    wait_digested(telemetry)
    said.check()
    audited.check()


def test_what_comes_late_is_counted_at_once(telemetry: Telemetry) -> None:
    said = Said(telemetry)
    said.say(*year())
    wait_digested(telemetry)
    said.check()
    said.say(
        {"msg": "rare", "ts": at(-5, minutes=7)},
        {"msg": "late", "target": RARE, "ts": at(-1 - DAYS)},
        {"msg": "late", "ts": at(-1, microseconds=-1)},
    )
    assert digested(telemetry) == DAYS - 3
    said.check()
    late_again = Said(telemetry)
    late_again.say(*year())
    assert digested(telemetry) == 0
    said.check()
    late_again.check()


def test_late_messages_while_days_are_being_digested(telemetry: Telemetry) -> None:
    """Whichever comes first, day by day, nothing is counted twice or missed."""
    said = Said(telemetry)
    for number in range(6):
        said.say(*year(number))
        wait_digested(telemetry, number)
    said.check()
    wait_digested(telemetry)
    said.check()


def test_what_is_purged_is_not_counted(telemetry: Telemetry) -> None:
    said, audited = Said(telemetry), Said(telemetry, path="/audit")
    said.say(*year())
    audited.say(*year())
    wait_digested(telemetry)
    # The limit falls into the middle of a day, between what was said in its morning and in its evening.
    hours = int((datetime.now(UTC) - midnight(-6)) / timedelta(hours=1)) - 12
    done = telemetry.platform.run("--json", "telemetry", "purge", "--older-than", str(hours))
    assert done.returncode == 0, done.stderr
    limit = datetime.now(UTC) - timedelta(hours=hours)
    assert json.loads(done.stdout)["messages"] > 0
    said.forget(limit)
    said.check()
    audited.check()
    wait_digested(telemetry, DAYS - 7)
    said.check()


def test_what_others_report_of_a_peer(telemetry: Telemetry) -> None:
    remote, long = Node(time.time_ns()).peer_id, "L" * 300
    reporters = [Said(telemetry) for _ in range(3)]
    whole = range(-2 - DAYS, 1)
    for number, each in enumerate(reporters):
        each.say(*states(whole, {remote: 100 * number, long: 7, f"{long}x": 8, f"other {number}": 1}))
    reporters[0].say(*states(range(-4, -3), {"somebody": 1}))

    def check() -> None:
        for name in (remote, long, f"{long}x", "other 1", "somebody"):
            assert reported(telemetry, name) == expected_of(reporters, name)
        assert reported(telemetry, long[:256]) == []
        assert reported(telemetry, "nobody") == []
        assert reported(telemetry, remote, limit=20) == expected_of(reporters, remote)[:20]
        ends = {"start_time": at(-6, minutes=10)[:19], "end_time": at(-3, minutes=10)[:19]}
        among = [
            each for each in expected_of(reporters, remote) if ends["start_time"] < each[1] < ends["end_time"]
        ]
        assert len(among) == 6
        assert reported(telemetry, remote, **ends) == among

    check()
    wait_digested(telemetry)
    check()
    reporters[1].say(*states(range(-8, -6), {remote: 5}, 11))
    check()
