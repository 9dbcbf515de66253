"""The scheduler through its door: items, order, lists, duplicates, assignments, bad input (spec/scheduler.md)."""

import base64
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from tests import plain_http
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn, tags_of
from tests.shared_data import shared_data

from lamina.formats.avro_tags import Tag


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def check_chain(process_id: str, nodes: list[dict[str, Any]]) -> None:
    """Nonces without gaps, the hash chain, strictly increasing times: computed here, from the wire alone."""
    chain, last, before = "", "", 0
    for nonce, node in enumerate(nodes):
        tags = tags_of(node["assignment"])
        content = raw(process_id) if not chain else raw(last) + raw(chain)
        chain, last = text(hashlib.sha256(content).digest()), node["assignment"]["id"]
        assert (tags["Process"], tags["Nonce"], tags["Epoch"]) == (process_id, str(nonce), "0")
        assert tags["Hash-Chain"] == chain
        assert int(tags["Timestamp"]) > before
        before = int(tags["Timestamp"])
        assert last == text(hashlib.sha256(raw(node["assignment"]["signature"])).digest())
        if node["message"] is not None:
            assert tags["Message"] == node["message"]["id"]


def test_every_posted_item_gets_its_verdict(unit: Unit) -> None:
    manifest_file = shared_data("scheduler", "manifest.json")
    directory, manifest = manifest_file.parent, json.loads(manifest_file.read_bytes())
    entries = sorted(manifest["items"], key=lambda entry: entry.get("role") != "process")
    for entry in entries:
        body, verdict = (directory / entry["file"]).read_bytes(), entry["expect_su"]
        if verdict == "not for posting":
            continue
        answer = unit.post(body)
        name = entry["name"]
        if verdict == "reject":
            assert answer.status_code == 400, (name, answer.text)
            if "expect_error" in entry:
                assert answer.json() == {"error": entry["expect_error"]}, name
            else:
                assert "error" in answer.json(), name
        else:
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json()["id"] == entry["parsed"]["id"], name
            _check_read_back(unit, entry)


def _check_read_back(unit: Unit, entry: dict[str, Any]) -> None:
    parsed = entry["parsed"]
    if entry.get("role") == "process":
        found = unit.get(f"/processes/{parsed['id']}")
        assert (found["process_id"], found["owner"]["key"]) == (parsed["id"], parsed["owner"])
    else:
        found = unit.get(f"/{parsed['id']}")["message"]
        assert (found["id"], found["owner"]["key"]) == (parsed["id"], parsed["owner"])
    assert [(tag["name"], tag["value"]) for tag in found["tags"]] == [
        (tag["name"], tag["value"]) for tag in parsed["tags"]
    ]


def test_order_lists_and_pages(unit: Unit) -> None:
    by = signer()
    process = spawn(by, data=b"\xff\x00binary")
    assert unit.post(process.to_bytes()).json()["id"] == process.id
    assert unit.get(f"/{process.id}") == {"page_info": {"has_next_page": False}, "edges": []}
    sent = [message(by, process, b"m%d \x00" % number) for number in range(7)]
    for item in sent:
        assert unit.post(item.to_bytes()).status_code == 200
    listed = unit.get(f"/{process.id}")
    nodes = [edge["node"] for edge in listed["edges"]]
    assert [node["message"]["id"] for node in nodes] == [item.id for item in sent]
    assert nodes[0]["message"]["data"] == "m0 \x00"
    check_chain(process.id, nodes)
    times = [int(edge["cursor"]) for edge in listed["edges"]]
    first = unit.get(f"/{process.id}", limit=3)
    assert (len(first["edges"]), first["page_info"]["has_next_page"]) == (3, True)
    rest = unit.get(f"/{process.id}", **{"from": first["edges"][-1]["cursor"]})
    assert [int(edge["cursor"]) for edge in rest["edges"]] == times[3:]
    assert len(unit.edges(process.id, to=times[1])) == 2
    by_nonce = unit.get(f"/{process.id}", **{"from-nonce": 1, "to-nonce": 4, "limit": 2})
    assert [edge["cursor"] for edge in by_nonce["edges"]] == ["2", "3"]
    assert by_nonce["page_info"]["has_next_page"]
    nothing = unit.get(f"/{process.id}", limit=0)
    assert nothing == {"page_info": {"has_next_page": True}, "edges": []}
    assert unit.get(f"/{process.id}/latest")["message"]["id"] == sent[-1].id
    assert unit.get(f"/{nodes[2]['assignment']['id']}") == nodes[2]
    for query, body in {
        "limit=-1": "Query deserialize error:",
        "limit=undefined": "Query deserialize error:",
        "from=undefined": '{"error":"IntError',
        "from-nonce=x": '{"error":"IntError',
    }.items():
        answer = unit.http.get(f"/{process.id}?{query}")
        assert answer.status_code == 400
        assert answer.text.startswith(body)


def test_the_same_again(unit: Unit) -> None:
    by = signer()
    process = spawn(by)
    item = message(by, process, b"once")
    assert unit.post(item.to_bytes()).json() == {"error": 'NotFound("Process not found")'}
    for _ in range(2):
        assert unit.post(process.to_bytes()).json()["id"] == process.id
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: unit.post(item.to_bytes()), range(40)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 39]
    refusals = {answer.text for answer in answers if answer.status_code == 400}
    assert refusals == {'{"error":"MessageExists(\\"Message already exists\\")"}'}
    assert len(unit.edges(process.id)) == 1
    assert unit.post(message(by, process, b"next").to_bytes()).status_code == 200
    check_chain(process.id, unit.edges(process.id))


def test_assign_by_id(unit: Unit) -> None:
    by = signer()
    process, elsewhere = spawn(by), spawn(by, data=b"known to the gateway")
    assert unit.post(process.to_bytes()).status_code == 200
    unknown = unit.http.post("/", params={"process-id": process.id, "assign": elsewhere.id})
    assert (unknown.status_code, "Transaction not found" in unknown.text) == (400, True)
    uploaded = plain_http.post(f"{unit.gateway_url}/tx/arweave", content=elsewhere.to_bytes())
    assert uploaded.status_code == 200
    asked = {"process-id": process.id, "assign": elsewhere.id, "exclude": "Data,Anchor"}
    first, second = (unit.http.post("/", params=asked).json()["id"] for _ in range(2))
    assert first != second
    nodes = unit.edges(process.id)
    check_chain(process.id, nodes)
    assert [node["message"] for node in nodes] == [None, None]
    assert tags_of(nodes[0]["assignment"])["Message"] == elsewhere.id
    assert [tag["value"] for tag in nodes[0]["assignment"]["tags"] if tag["name"] == "Exclude"] == [
        "Data",
        "Anchor",
    ]
    assert unit.get(f"/{first}") == nodes[0]
    assert unit.http.get(f"/{elsewhere.id}").status_code == 400
    deep = unit.http.post("/", params={**asked, "base-layer": ""})
    assert "Not enough confirmations to assign" in deep.text
    for params in ({"assign": elsewhere.id}, {"process-id": process.id, "assign": "short"}):
        assert unit.http.post("/", params=params).status_code == 400
    for hostile in ("http://169.254.169.254/latest", "../../etc", "%2e%2e%2f", "a" * 43 + "@"):
        assert unit.http.post("/", params={"process-id": process.id, "assign": hostile}).status_code == 400


def test_everything_reaches_the_uploader(unit: Unit) -> None:
    by = signer()
    process = spawn(by)
    items = [process, *(message(by, process, b"%d" % number) for number in range(5))]
    for item in items:
        assert unit.post(item.to_bytes()).status_code == 200
    deadline = time.monotonic() + 20
    waiting = {item.id for item in items}
    while waiting:
        assert time.monotonic() < deadline, waiting
        for item_id in list(waiting):
            answer = plain_http.get(f"{unit.gateway_url}/raw/{item_id}")
            if answer.status_code == 200:
                waiting.discard(item_id)
        time.sleep(0.1)


def test_small_answers(unit: Unit) -> None:
    root, now = unit.get("/"), unit.get("/timestamp")
    assert len(root["address"]) == 43
    assert isinstance(root["timestamp"], str)
    assert (len(now["block_height"]), now["block_height"].isdecimal()) == (12, True)
    assert unit.http.get("/health").content == b""
    assert unit.http.get("/metrics").status_code == 400
    for path in ("/nope/at/all", "/processes"):
        assert unit.http.get(path).status_code in {400, 404}
    assert unit.http.get("/processes/nope").json() == {"error": 'NotFound("Process not found")'}
    assert unit.http.get("/nope/latest").json() == {"error": "Latest message not available"}
    assert unit.http.get("/" + "x" * 43).json() == {"error": "Message or Process not found"}


def test_bad_bytes(unit: Unit) -> None:
    by = signer()
    good = spawn(by).to_bytes()
    for cut in range(0, len(good), 7):
        assert unit.post(good[:cut]).status_code == 400
    for place in range(0, len(good), 11):
        damaged = bytearray(good)
        damaged[place] ^= 0x41
        assert unit.post(bytes(damaged)).status_code == 400, place
    assert unit.post(os.urandom(5000)).status_code == 400
    assert unit.post(b"\0" * 10_485_761).status_code == 413
    assert unit.http.get("/health").status_code == 200


def test_two_units_on_one_database() -> None:
    """One wallet, two processes, one message stream: nonces 0 to 399, one chain (issue 5, 3)."""
    with scheduler_running(workers=2) as unit:
        by = signer()
        process = spawn(by)
        assert unit.post(process.to_bytes()).status_code == 200
        items = [message(by, process, b"%d" % number).to_bytes() for number in range(400)]

        def post(chunk: list[bytes]) -> list[int]:
            with plain_http.Client(base_url=unit.url, timeout=60) as client:
                return [client.post("/", content=item).status_code for item in chunk]

        with ThreadPoolExecutor(16) as pool:
            statuses = [
                each for part in pool.map(post, [items[start::16] for start in range(16)]) for each in part
            ]
        refused = len([status for status in statuses if status != 200])
        nodes = unit.edges(process.id)
        check_chain(process.id, nodes)
        assert len(nodes) == 400 - refused
        assert refused == 0


def test_a_killed_unit_continues_its_chains() -> None:
    with scheduler_running() as unit:
        by = signer()
        process = spawn(by)
        unit.post(process.to_bytes())
        answered: list[str] = []
        for _ in range(2):
            with ThreadPoolExecutor(8) as pool:
                work = [
                    pool.submit(_try_post, unit.url, message(by, process, os.urandom(8)).to_bytes())
                    for _ in range(120)
                ]
                time.sleep(0.15)
                unit.platform.kill()
                answered += [found for each in work if (found := each.result()) is not None]
            unit.platform.start()
        nodes = unit.edges(process.id)
        check_chain(process.id, nodes)
        assert set(answered) <= {node["message"]["id"] for node in nodes}
        assert unit.post(message(by, process, b"after").to_bytes()).status_code == 200
        check_chain(process.id, unit.edges(process.id))


def _try_post(url: str, item: bytes) -> str | None:
    try:
        answer = plain_http.post(url, content=item, timeout=20)
    except httpx.HTTPError:
        return None
    return answer.json()["id"] if answer.status_code == 200 else None


def test_process_assignment() -> None:
    with scheduler_running(process_assignment=True, deep_hash_checks=True) as unit:
        by = signer()
        process = spawn(by, Tag("On-Boot", "Data"))
        assert unit.post(process.to_bytes()).status_code == 200
        assert unit.post(spawn(by, Tag("On-Boot", "x" * 43)).to_bytes()).json() == {
            "error": "Invalid tx id for On-Boot tag"
        }
        pushed = Tag("From-Process", process.id)
        assert unit.post(message(by, process, b"a", pushed).to_bytes()).status_code == 200
        again = message(signer(), process, b"a", pushed, Tag("Pushed-For", "z" * 43))
        assert unit.post(again.to_bytes()).json() == {"error": 'MessageExists("Deep hash already exists")'}
        nodes = unit.edges(process.id)
        assert [node["message"]["id"] for node in nodes[:1]] == [process.id]
        assert [tags_of(node["assignment"])["Nonce"] for node in nodes] == ["0", "1"]
        one = unit.get(f"/{process.id}", limit=1)
        assert (len(one["edges"]), one["page_info"]["has_next_page"]) == (1, True)
        assert len(unit.edges(process.id, **{"from": one["edges"][0]["cursor"]})) == 1
        assert len(unit.edges(process.id, **{"from-nonce": -1})) == 2
        assert len(unit.edges(process.id, **{"from-nonce": 0})) == 1


def test_without_a_gateway_nothing_is_scheduled_and_reads_work() -> None:
    with scheduler_running(("scheduler",)) as unit:
        answer = unit.post(spawn(signer()).to_bytes())
        assert (answer.status_code, answer.json()) == (503, {"error": "gateway height unknown"})
        assert unit.http.get("/" + "x" * 43).status_code == 400


def test_a_read_only_unit() -> None:
    with scheduler_running(read_only=True) as unit:
        answer = unit.post(b"")
        assert (answer.status_code, answer.json()) == (403, {"error": "This SU is read only"})
