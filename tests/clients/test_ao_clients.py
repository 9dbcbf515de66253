"""aoconnect, scheduler-utils and arbundles, unchanged, against a running scheduler and its routers.

`js_scheduler_story.mjs` is what they do.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import plain_http
from tests.clients.absence import ClientsUnavailableError, report_absence
from tests.clients.js_environment import ao_clients_folder
from tests.clients.story import Story, told_by
from tests.scheduler_unit import Unit, scheduler_running, tags_of

from lamina.formats import base58, signatures
from lamina.formats.ans104 import Draft, Ed25519Signer, Signer, Wallet, sign
from lamina.formats.avro_tags import Tag

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("js_scheduler_story.mjs")
MODULE_TAGS = (
    Tag("Data-Protocol", "ao"),
    Tag("Variant", "ao.TN.1"),
    Tag("Type", "Module"),
    Tag("Module-Format", "wasm32-unknown-emscripten"),
    Tag("Input-Encoding", "JSON-V1"),
    Tag("Output-Encoding", "JSON-V1"),
)
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return ao_clients_folder()
    except ClientsUnavailableError as absence:
        report_absence(absence)


@pytest.fixture(scope="module")
def unit(folder: Path) -> Iterator[Unit]:
    del folder  # without clients nothing needs to run
    with scheduler_running() as running:
        yield running


@pytest.fixture(scope="module")
def given(unit: Unit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Addresses, what the network knows already, and a wallet; routers in both of their ways to post."""
    listed = tmp_path_factory.mktemp("list") / "schedulers.json"
    listed.write_text(json.dumps([{"url": unit.url}]))
    wallet = Wallet.from_jwk((unit.platform.data_dir / "scheduler.wallet.json").read_bytes())
    routed = Ed25519Signer.from_seed(bytes(32))
    with ExitStack() as routers:
        urls = [routers.enter_context(router_running(listed, way)) for way in ("redirect", "proxy")]
        yield {
            "unit": unit.url,
            "gateway": unit.gateway_url,
            "router": urls[0],
            "proxy": urls[1],
            "module": upload(unit, sign(Draft(MODULE_TAGS, data=(b"\0asm",)), routed).to_bytes()),
            "scheduler": publish_location(unit, wallet, unit.url),
            "routedScheduler": publish_location(unit, routed, urls[0]),
            "wallet": json.loads(Wallet.generate().jwk()),
            "solana": base58.encode(SEED + signatures.public_key(SEED)),
        }


@contextmanager
def router_running(listed: Path, way: str) -> Iterator[str]:
    """A router alone, which knows the units of a list; its URL."""
    options = {"mode": "router", "schedulers_path": listed, "router_post": way}
    with scheduler_running(("scheduler",), unit_interval_s=0.2, **options) as running:
        yield f"http://127.0.0.1:{9001 + running.platform.offset}"


def upload(unit: Unit, item: bytes) -> str:
    answer = plain_http.post(f"{unit.gateway_url}/tx/arweave", content=item)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def publish_location(unit: Unit, owner: Signer, url: str) -> str:
    """Say where the scheduler of a wallet is, as its operator does once; the wallet's address."""
    tags = {"Data-Protocol": "ao", "Type": "Scheduler-Location", "Url": url, "Time-To-Live": "3600000"}
    upload(unit, sign(Draft([Tag(*each) for each in tags.items()], data=(b"1",)), owner).to_bytes())
    return text(hashlib.sha256(owner.owner).digest())


@pytest.fixture(scope="module")
def story(folder: Path, given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Story:
    directory = tmp_path_factory.mktemp("ao")
    (directory / "given.json").write_text(json.dumps(given))
    return told_by(["node", SCRIPT, folder, directory / "given.json"], directory)


def raw(encoded: str) -> bytes:
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def check_chain(process_id: str, edges: list[dict[str, Any]]) -> None:
    """Nonces without gaps and the hash chain, computed here from the wire alone."""
    link = text(hashlib.sha256(raw(process_id)).digest())
    for nonce, edge in enumerate(edges):
        assignment = edge["node"]["assignment"]
        tags = tags_of(assignment)
        assert (tags["Process"], tags["Nonce"], tags["Hash-Chain"]) == (process_id, str(nonce), link)
        link = text(hashlib.sha256(raw(assignment["id"]) + raw(link)).digest())


@pytest.mark.parametrize("name", ["arweave", "ethereum", "solana"])
def test_items_of_arbundles_are_scheduled(story: Story, name: str) -> None:
    told = story.chapter("items")[name]
    for step, item_id in (("spawned", told["process"]), ("sent", told["message"])):
        assert told[step]["status"] == 200, told[step]
        assert json.loads(told[step]["body"])["id"] == item_id
    assert told["again"] == {"status": 400, "body": '{"error":"MessageExists(\\"Message already exists\\")"}'}
    (edge,) = told["list"]["edges"]
    assert (edge["node"]["message"]["id"], edge["node"]["message"]["data"]) == (told["message"], name)
    assert edge["node"]["message"]["anchor"] == "a" * 32
    check_chain(told["process"], told["list"]["edges"])
    assert told["valid"] == [True]


def test_aoconnect_spawns_and_sends(story: Story, given: dict[str, Any]) -> None:
    told = story.chapter("connect")
    process = told["process"]
    assert process["process_id"] == told["spawned"]
    assert tags_of(process) | {
        "Module": given["module"],
        "Scheduler": given["scheduler"],
        "Name": "talk",
    } == (tags_of(process))
    assert process["data"] == "1984"
    nodes = [edge["node"] for edge in told["whole"]["edges"]]
    assert [node["message"]["id"] for node in nodes[:3]] == told["sent"]
    assert [node["message"]["data"] for node in nodes[:3]] == ["one", "two", "three"]
    assert (nodes[3]["message"], nodes[3]["assignment"]["id"]) == (None, told["assigned"])
    assert tags_of(nodes[3]["assignment"])["Message"] == given["module"]
    assert tags_of(nodes[3]["assignment"])["Exclude"] == "Data"


def test_pages_by_nonce_are_the_whole_list(story: Story) -> None:
    told = story.chapter("connect")
    edges = [edge for page in told["pages"] for edge in page["edges"]]
    assert [len(page["edges"]) for page in told["pages"]] == [3, 1]
    assert [edge["node"] for edge in edges] == [edge["node"] for edge in told["whole"]["edges"]]
    check_chain(told["spawned"], edges)


def test_assignments_are_signed_as_the_library_judges(story: Story) -> None:
    told = story.chapter("connect")
    assert told["verified"] == [True] * 4
    assert told["spoilt"] is False


def test_a_message_to_no_process_is_refused(story: Story) -> None:
    assert 'NotFound(\\"Process not found\\")' in story.chapter("connect")["refused"]


def test_aoconnect_finds_the_unit_and_reads(story: Story) -> None:
    told = story.chapter("connect")
    assert [edge["node"]["message"] for edge in told["located"]["list"]["edges"]] == [
        edge["node"]["message"] for edge in told["whole"]["edges"]
    ]
    assert told["located"]["one"]["message"]["id"] == told["sent"][0]
    assert told["located"]["slot"] == "3"


def test_scheduler_utils_find_the_unit(story: Story, given: dict[str, Any]) -> None:
    told = story.chapter("utils")
    assert told["spawned"]["status"] == 200
    assert told["validated"] is True
    assert told["raw"] == {"url": given["unit"]}
    assert told["located"] == {"url": given["unit"], "address": given["scheduler"]}
    assert told["unknown"] == "TransactionNotFound"


def test_a_router_is_followed(story: Story, given: dict[str, Any]) -> None:
    told = story.chapter("router")
    for step, item_id in (("spawned", told["process"]["id"]), ("sent", told["process"]["message"])):
        assert told[step]["location"] == f"{given['unit']}/"
        assert told[step]["status"] == 200, told[step]
        assert json.loads(told[step]["body"])["id"] == item_id
    assert told["located"] == {"url": given["unit"], "address": given["routedScheduler"]}
    (edge,) = told["followed"]["edges"]
    assert edge["node"]["message"]["id"] == told["process"]["message"]


def test_aoconnect_talks_through_a_router_that_forwards(story: Story) -> None:
    told = story.chapter("proxy")
    nodes = [edge["node"] for edge in told["list"]["edges"]]
    assert [node["message"]["id"] for node in nodes] == told["sent"]
    check_chain(told["spawned"], told["list"]["edges"])


def test_nothing_outside_is_needed(story: Story) -> None:
    """Only what aoconnect has built in: the test network's router, which is answered with 404 here."""
    assert set(story.chapter("outside")["asked"]) <= {"su-router.ao-testnet.xyz"}
