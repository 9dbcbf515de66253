"""The texts of spec/scheduler.md 7.3 and what causes each, over the wire; and the same message respelt."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from tests import data_items, plain_http
from tests.scheduler_unit import MESSAGE_TAGS, PROCESS_TAGS, Unit, message, scheduler_running, signer, spawn

from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.signers import Signer
from lamina.formats.avro_tags import Tag

BYTES_MAX = 4000
UNKNOWN = "A" * 43
PARSER = 'error in builder: BuilderError("Byte error in builder: ByteError(\\"'


@dataclass
class Situation:
    """A unit with a process, and what is posted to it."""

    unit: Unit
    by: Signer
    process: SignedItem

    def item(self, *tags: Tag, data: bytes = b"", target: bytes = b"") -> bytes:
        return sign(Draft(tags, target=target, data=(data,)), self.by).to_bytes()

    def message(self, *more: Tag, data: bytes = b"") -> bytes:
        return message(self.by, self.process, data, *more).to_bytes()

    def post(self, body: bytes, **params: str) -> httpx.Response:
        return self.unit.http.post(
            "/", content=body, params={n.replace("_", "-"): v for n, v in params.items()}
        )

    def get(self, path: str) -> httpx.Response:
        return self.unit.http.get(path)

    def known(self, *tags: Tag, data: bytes = b"") -> str:
        """The id of an item that the gateway knows and the unit does not."""
        item = sign(
            Draft((Tag("From-Process", "x"), *tags), target=self.process.id_bytes, data=(data,)), self.by
        )
        url = f"{self.unit.gateway_url}/tx/arweave"
        assert plain_http.post(url, content=item.to_bytes()).status_code == 200
        return item.id


@pytest.fixture(scope="module")
def situation() -> Iterator[Situation]:
    settings = {
        "process_assignment": True, "deep_hash_checks": True, "message_size_checked": True,
        "message_bytes_max": BYTES_MAX, "read_bytes_max": 20_000,
    }  # fmt: skip
    with scheduler_running(**settings) as unit:
        by = signer()
        process = spawn(by)
        assert unit.post(process.to_bytes()).status_code == 200
        yield Situation(unit, by, process)


def without(name: str, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    return tuple(tag for tag in tags if tag.name != name)


def twice(post: Callable[[], httpx.Response]) -> httpx.Response:
    assert post().status_code == 200
    return post()


def damaged(item: bytes) -> bytes:
    return item[:-1] + bytes((item[-1] ^ 1,))


def cut_tags(item: bytes) -> bytes:
    """An item whose tags are announced to be larger than it."""
    parsed = parse(item)
    place = item.index(parsed.tag_bytes) - 8
    return item[:place] + (2**40).to_bytes(8, "little") + item[place + 8 :]


def wrong_count(item: bytes) -> bytes:
    parsed = parse(item)
    place = item.index(parsed.tag_bytes) - 16
    return item[:place] + (99).to_bytes(8, "little") + item[place + 8 :]


def presence(item: bytes, place: int) -> bytes:
    """An ed25519 item with a byte that says neither present nor absent."""
    at = 2 + 64 + 32 + place
    return item[:at] + b"\x07" + item[at + 1 :]


def large_read(s: Situation) -> httpx.Response:
    process = spawn(s.by, Tag("Name", "large"))
    assert s.unit.post(process.to_bytes()).status_code == 200
    for number in range(6):
        item = message(s.by, process, b"%d" % number + b"." * 3500)
        assert s.unit.post(item.to_bytes()).status_code == 200
    return s.get(f"/{process.id}")


def empty(s: Situation) -> str:
    process = spawn(s.by, Tag("Name", "empty"))
    assert s.unit.post(process.to_bytes()).status_code == 200
    return process.id


def reordered(s: Situation) -> httpx.Response:
    pushed = Tag("From-Process", "y")
    first = message(s.by, s.process, b"", pushed, Tag("B", "1"), Tag("A", "2"), Tag("Pushed-For", "p"))
    assert s.unit.post(first.to_bytes()).status_code == 200
    return s.unit.post(message(s.by, s.process, b"", pushed, Tag("A", "2"), Tag("B", "1")).to_bytes())


def assigned_twice(s: Situation) -> httpx.Response:
    known = s.known(Tag("Number", "1"))
    return twice(lambda: s.post(b"", process_id=s.process.id, assign=known))


ROWS: dict[str, tuple[Callable[[Situation], httpx.Response], str]] = {
    "assign alone": (
        lambda s: s.post(b"", assign=UNKNOWN),
        "If sending assign or process-id, you must send both.",
    ),
    "process-id alone": (
        lambda s: s.post(s.message(), process_id=s.process.id),
        "If sending assign or process-id, you must send both.",
    ),
    "no Type": (lambda s: s.post(s.item(*without("Type", MESSAGE_TAGS))), "Type tag not present"),
    "another Type": (
        lambda s: s.post(s.item(Tag("Data-Protocol", "ao"), Tag("Type", "message"))),
        "Unsupported Type tag value",
    ),
    "the first Type counts": (
        lambda s: s.post(s.item(Tag("Type", "Module"), *MESSAGE_TAGS)),
        "Unsupported Type tag value",
    ),
    "no Data-Protocol": (
        lambda s: s.post(s.item(Tag("Type", "Message"), target=s.process.id_bytes)),
        "Data-Protocol tag not present",
    ),
    "no Module": (
        lambda s: s.post(s.item(*without("Module", PROCESS_TAGS))),
        "Required Module and Scheduler tags for Process type not present",
    ),
    "no Scheduler": (
        lambda s: s.post(s.item(*without("Scheduler", PROCESS_TAGS))),
        "Required Module and Scheduler tags for Process type not present",
    ),
    "a name that is a link": (
        lambda s: s.post(s.message(Tag("Body+link", "x"))),
        "Tag Body+link cannot contain +link",
    ),
    "a value that is a link": (
        lambda s: s.post(s.message(Tag("Body", "x+link"))),
        "Tag Body cannot contain +link",
    ),
    "the same message": (
        lambda s: twice(partial(s.post, s.message(data=b"once"))),
        'MessageExists("Message already exists")',
    ),
    "the same content": (
        lambda s: twice(
            lambda: s.post(message(signer(), s.process, b"said", Tag("From-Process", "x")).to_bytes())
        ),
        'MessageExists("Deep hash already exists")',
    ),
    "the same content in another order": (
        reordered,
        'MessageExists("Deep hash already exists")',
    ),
    "the same transaction assigned": (
        assigned_twice,
        'MessageExists("Deep hash already exists")',
    ),
    "an unknown id": (lambda s: s.get(f"/{UNKNOWN}"), "Message or Process not found"),
    "an unknown process": (lambda s: s.get(f"/processes/{UNKNOWN}"), 'NotFound("Process not found")'),
    "an assign to an unknown process": (
        lambda s: s.post(b"", process_id=UNKNOWN, assign=UNKNOWN),
        'NotFound("Process not found")',
    ),
    "a message to an unknown process": (
        lambda s: s.post(s.item(*MESSAGE_TAGS, target=b"\x01" * 32)),
        'NotFound("Process not found")',
    ),
    "no latest": (lambda s: s.get(f"/{empty(s)}/latest"), "Latest message not available"),
    "from is no number": (
        lambda s: s.get(f"/{s.process.id}?from=undefined"),
        'IntError("data store int error: invalid digit found in string")',
    ),
    "to is no number": (
        lambda s: s.get(f"/{s.process.id}?to=1.5"),
        'IntError("data store int error: invalid digit found in string")',
    ),
    "from-nonce is no number": (
        lambda s: s.get(f"/{s.process.id}?from-nonce=x"),
        'IntError("data store int error: invalid digit found in string")',
    ),
    "no signature type": (
        lambda s: s.post(b"\x01"),
        PARSER + 'Buffer too short for signature type\\")")',
    ),
    "no owner": (
        lambda s: s.post(s.message()[:90]),
        PARSER + 'Buffer too short for signature and public key\\")")',
    ),
    "a wrong target": (lambda s: s.post(presence(s.message(), 0)), PARSER + 'target bytes error\\")")'),
    "a wrong anchor": (lambda s: s.post(presence(s.message(), 33)), PARSER + "anchor bytes error - "),
    "too many tag bytes": (lambda s: s.post(cut_tags(s.message())), PARSER + "tag bytes error - "),
    "another number of tags": (
        lambda s: s.post(wrong_count(s.message())),
        PARSER + 'invalid tag encoding\\")")',
    ),
    "a wrong signature": (
        lambda s: s.post(damaged(s.message(data=b"xx"))),
        PARSER + 'Signature verification failed\\")")',
    ),
    "a wrong Ethereum signature": (
        lambda s: s.post(damaged(ethereum(s, SignatureType.ETHEREUM))),
        PARSER + 'Ethereum signature verification failed\\")")',
    ),
    "no target": (lambda s: s.post(s.item(*MESSAGE_TAGS)), "Length mismatch 32 - "),
    "too large": (
        lambda s: s.post(s.message(data=b"." * BYTES_MAX)),
        f"Message size exceeds maximum of {BYTES_MAX} bytes",
    ),
    "too large to assign": (
        lambda s: s.post(b"", process_id=s.process.id, assign=s.known(data=b"." * BYTES_MAX)),
        f"Message size exceeds maximum of {BYTES_MAX} bytes",
    ),
    "an assign that is no id": (
        lambda s: s.post(b"", process_id=s.process.id, assign="short"),
        'error in builder: BuilderError("assign param must be 43 characters")',
    ),
    "too young": (
        lambda s: s.post(b"", process_id=s.process.id, assign=s.known(), base_layer=""),
        'error in builder: BuilderError("Not enough confirmations to assign")',
    ),
    "an unknown transaction": (
        lambda s: s.post(b"", process_id=s.process.id, assign=UNKNOWN),
        "Transaction not found",
    ),
    "an unknown transaction of the base layer": (
        lambda s: s.post(b"", process_id=s.process.id, assign=UNKNOWN, base_layer=""),
        "Transaction not found",
    ),
    "an unknown On-Boot": (
        lambda s: s.post(s.item(*PROCESS_TAGS, Tag("On-Boot", UNKNOWN))),
        "Invalid tx id for On-Boot tag",
    ),
    "an On-Boot that is no id": (
        lambda s: s.post(s.item(*PROCESS_TAGS, Tag("On-Boot", "http://169.254.169.254/"))),
        "Invalid tx id for On-Boot tag",
    ),
    "a read that is too large": (large_read, "Memory usage exceeded the limit: 20000 bytes"),
}


CONTAINED = {
    "a wrong anchor",
    "too many tag bytes",
    "no target",
    "an unknown transaction",
    "an unknown transaction of the base layer",
    "a read that is too large",
}
"""Rows whose text is only a part of the answer, or goes on with what is particular."""


@pytest.mark.parametrize("row", ROWS)
def test_each_text_has_its_cause(situation: Situation, row: str) -> None:
    ask, text = ROWS[row]
    answer = ask(situation)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    found = answer.json()["error"]
    assert text in found if row in CONTAINED else text == found, found


def test_refusals_leave_no_gap(situation: Situation) -> None:
    """Whatever was refused by the tests before, the chain of the process goes on."""
    assert situation.post(situation.message(data=b"at the end")).status_code == 200
    nodes = situation.unit.edges(situation.process.id, limit=2)
    assert nodes[0]["message"]["id"] == situation.process.id
    latest = situation.unit.get(f"/{situation.process.id}/latest")
    tags = {tag["name"]: tag["value"] for tag in latest["assignment"]["tags"]}
    count = 0
    after = -1
    while edges := situation.unit.get(f"/{situation.process.id}", limit=2, **{"from-nonce": after})["edges"]:
        count += len(edges)
        after = int(edges[-1]["cursor"])
    assert int(tags["Nonce"]) == count - 1


def test_lower_case_names_and_free_values(situation: Situation) -> None:
    tags = (Tag("data-protocol", ""), Tag("type", "Message"), Tag("Variant", "anything"), Tag("+linked", ""))
    assert situation.post(situation.item(*tags, target=situation.process.id_bytes)).status_code == 200


def test_larger_messages_of_whom_that_is_allowed() -> None:
    by = signer()
    owner = parse(spawn(by).to_bytes()).owner_address
    large = b"." * 500
    settings = {"message_size_checked": True, "message_bytes_max": 400}
    with scheduler_running(
        size_exempt_from_owners=f"x, {owner}", size_exempt_from=" p1,p2", **settings
    ) as unit:
        process = spawn(by, data=large)
        assert unit.post(process.to_bytes()).status_code == 200, "spawns may be larger"
        for sender, status in {"p2": 200, "p3": 400}.items():
            for name in ("From-Process", "from-process"):
                item = message(by, process, large, Tag(name, sender))
                assert unit.post(item.to_bytes()).status_code == status
        stranger = message(signer(), process, large, Tag("From-Process", "p2"))
        assert unit.post(stranger.to_bytes()).status_code == 400
        assert unit.post(message(by, process, large).to_bytes()).status_code == 400
        unit.restart(size_exempt_owners=owner)
        assert unit.post(message(by, process, large).to_bytes()).status_code == 200


def ethereum(s: Situation, kind: SignatureType, data: bytes = b"respelt") -> bytes:
    draft = Draft(MESSAGE_TAGS, target=s.process.id_bytes, data=(data,))
    return sign(draft, data_items.signer(kind)).to_bytes()


def respellings(item: bytes) -> dict[str, bytes]:
    """The same item with signatures that anybody can make of the one it has."""
    kind = SignatureType(int.from_bytes(item[:2], "little"))
    end = 2 + kind.signature_bytes
    if kind is SignatureType.MULTI_APTOS:
        unused = bytearray(item)
        unused[2 + 64 * 20] ^= 1
        return {"a byte of no signature": bytes(unused)}
    return {f"recovery byte {v}": item[: end - 1] + bytes((v,)) + item[end:] for v in (0, 1, 27, 28)}


@pytest.mark.parametrize(
    "kind", [SignatureType.ETHEREUM, SignatureType.TYPED_ETHEREUM, SignatureType.MULTI_APTOS]
)
def test_a_message_respelt_is_the_same_message(situation: Situation, kind: SignatureType) -> None:
    item = ethereum(situation, kind)
    assert situation.post(item).status_code == 200
    refusals = {name: situation.post(other) for name, other in respellings(item).items()}
    assert {answer.status_code for answer in refusals.values()} == {400}
    exists = [name for name, answer in refusals.items() if "Message already exists" in answer.text]
    assert len(exists) == {SignatureType.ETHEREUM: 4, SignatureType.TYPED_ETHEREUM: 2}.get(kind, 1)
    assert situation.post(ethereum(situation, kind, b"another")).status_code == 200


def test_respellings_posted_at_once_are_one_message(situation: Situation) -> None:
    spelt = list(respellings(ethereum(situation, SignatureType.ETHEREUM, b"at once")).values())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(situation.post, spelt * 4))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 15]
    assert {json.loads(answer.text)["error"] for answer in answers if answer.status_code == 400} == {
        'MessageExists("Message already exists")'
    }


def test_a_spawn_respelt_makes_no_second_process(situation: Situation) -> None:
    item = sign(Draft((*PROCESS_TAGS, Tag("Name", "respelt"))), data_items.signer(SignatureType.ETHEREUM))
    body = item.to_bytes()
    assert [situation.post(body).status_code for _ in range(2)] == [200, 200]
    others = [other for other in respellings(body).values() if other != body]
    for other in others:
        assert situation.post(other).json() == {"error": 'MessageExists("Message already exists")'}
        assert situation.get(f"/processes/{parse(other).id}").status_code == 400


@pytest.mark.timeout(120)
def test_what_was_said_before_the_check_was_switched_on_counts_too() -> None:
    with scheduler_running(deep_hash_rows=2) as unit:
        by = signer()
        process = spawn(by)
        assert unit.post(process.to_bytes()).status_code == 200
        pushed = Tag("From-Process", "x")
        for number in range(7):
            assert unit.post(message(by, process, b"%d" % number, pushed).to_bytes()).status_code == 200
        unit.restart(deep_hash_checks=True)
        done = "what was said in a process is hashed"
        while not any(event["event"] == done for event in unit.platform.log_events()):
            time.sleep(0.1)
        for number in range(7):
            again = unit.post(message(signer(), process, b"%d" % number, pushed).to_bytes())
            assert again.json() == {"error": 'MessageExists("Deep hash already exists")'}
