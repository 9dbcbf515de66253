"""What the original's environment switches on: lists, router, cache, gateways, metrics, warm-up; over the wire."""

import json
import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests import plain_http
from tests.json_server import Answering, answering
from tests.scheduler_unit import PROCESS_TAGS, Unit, message, scheduler_running, signer, spawn

from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signed_item import Draft, sign
from lamina.formats.avro_tags import Tag

DENIED = {"error": "Access denied"}
WAIT_S = 20


@pytest.fixture
def elsewhere() -> Iterator[Answering]:
    with answering() as told:
        yield told


def wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def post_as(unit: Unit, address: str | None, item: bytes) -> httpx.Response:
    headers = {} if address is None else {"X-Real-IP": address}
    return unit.http.post("/", content=item, headers=headers)


@pytest.mark.timeout(120)
def test_only_listed_addresses_may_post(elsewhere: Answering) -> None:
    elsewhere.says("/ips", b'["192.0.2.7"]')
    by = signer()
    process = spawn(by)
    settings = {"ip_whitelist_url": f"{elsewhere.url}/ips", "ip_whitelist_interval_s": 0.2}
    with scheduler_running(**settings) as unit:
        # Nobody said that this machine is a proxy, so what it says of itself counts for nothing.
        for address, status in {None: 400, "192.0.2.7": 403, "192.0.2.8": 403}.items():
            answer = post_as(unit, address, process.to_bytes())
            assert (answer.status_code, answer.json()) == (status, DENIED)
        assert unit.http.get("/timestamp").status_code == 200
        elsewhere.says("/ips", b'["192.0.2.7", "127.0.0.1"]')
        wait(lambda: post_as(unit, None, process.to_bytes()).status_code == 200)
        for broken in (b"{}", b"nonsense", b'["no address"]'):
            elsewhere.says("/ips", broken)
            asked = len(elsewhere.asked)
            wait(lambda asked=asked: len(elsewhere.asked) >= asked + 2)
            item = message(by, process, broken)
            assert post_as(unit, None, item.to_bytes()).status_code == 200, "the last good copy stays"
        elsewhere.says("/ips", b'["192.0.2.7"]')
        unit.restart(http__trusted_proxies="127.0.0.1")
        for address, status in {None: 400, "192.0.2.7": 200, "192.0.2.8": 403, "x": 403}.items():
            answer = post_as(unit, address, message(by, process, str(address).encode()).to_bytes())
            assert answer.status_code == status, (address, answer.text)


@pytest.mark.timeout(120)
def test_a_list_of_processes_says_whose_they_are(elsewhere: Answering) -> None:
    by = signer()
    ours, read_only, others = (spawn(by, Tag("Name", name)) for name in ("ours", "read only", "others"))
    with scheduler_running() as unit:
        for process in (ours, read_only, others):
            assert unit.post(process.to_bytes()).status_code == 200
            assert unit.post(message(by, process, b"before").to_bytes()).status_code == 200
        of_others = unit.edges(others.id)[0]["message"]["id"]
        entry = {"db_name": "a", "su": "https://su1.example"}
        document = {
            "sus": {"https://su1.example": {"dbs": []}},
            "processes": {
                ours.id: entry,
                read_only.id: {**entry, "read_only": True},
                others.id: {**entry, "su": "https://su2.example"},
            },
        }
        elsewhere.says("/processes", json.dumps(document).encode())
        unit.restart(
            process_whitelist_url=f"{elsewhere.url}/processes",
            process_whitelist_interval_s=0.2,
            own_url="https://su1.example/",
        )
        of_ours = unit.edges(ours.id)[0]["message"]["id"]
        for path in (
            f"/{ours.id}", f"/{ours.id}/latest", f"/processes/{ours.id}", f"/{read_only.id}",
            f"/{of_ours}?process-id={ours.id}",
        ):  # fmt: skip
            assert unit.http.get(path).status_code == 200, path
        for path, named in {
            f"/{others.id}": others.id,
            f"/{others.id}/latest": others.id,
            f"/processes/{others.id}": others.id,
            f"/{of_others}?process-id={others.id}": others.id,
            f"/{of_others}?process-id={ours.id}": others.id,
            f"/{others.id}?process-id={ours.id}": others.id,
            f"/{of_ours}": of_ours,
        }.items():
            answer = unit.http.get(path)
            assert (answer.status_code, answer.json()) == (
                403,
                {"error": f"Process {named} is not allowed on this SU"},
            ), path
        assert unit.post(message(by, ours, b"after").to_bytes()).status_code == 200
        refused = {
            f"Process {read_only.id} is read_only on this SU": unit.post(
                message(by, read_only, b"after").to_bytes()
            ),
            f"Process {others.id} is not allowed on this SU": unit.post(
                message(by, others, b"after").to_bytes()
            ),
            "Process spawning is not supported": unit.post(spawn(by, Tag("Name", "new")).to_bytes()),
        }
        for text, answer in refused.items():
            assert (answer.status_code, answer.json()) == (400, {"error": text})
        assigned = unit.http.post("/", params={"process-id": others.id, "assign": of_ours})
        assert assigned.json() == {"error": f"Process {others.id} is not allowed on this SU"}
        document["processes"][others.id] = entry
        elsewhere.says("/processes", json.dumps(document).encode())
        wait(lambda: unit.http.get(f"/{others.id}").status_code == 200)


@pytest.mark.timeout(120)
def test_router_cache_and_gateways(elsewhere: Answering) -> None:
    """The router is asked before a spawn, the cache gets what was uploaded, data is looked for in order."""
    with answering() as second:
        known = "B" * 42 + "A"
        second.says(f"/{known}", status=302, Location=f"/moved/{known}")
        second.says(f"/moved/{known}", b"data")
        elsewhere.says("/id", b"{}")
        settings = {
            "router_checked": True, "router_url": f"{elsewhere.url}/", "assignment": "3",
            "cache_url": elsewhere.url, "process_assignment": True,
            "data_urls": f"http://127.0.0.1:1,{elsewhere.url},{second.url}",
        }  # fmt: skip
        by = signer()
        here, there, strange, unknown, broken = (
            sign(Draft((*PROCESS_TAGS, Tag("On-Boot", known), Tag("Name", str(n)))), by) for n in range(5)
        )
        elsewhere.says(f"/{here.id}", status=307, Location="https://su3.example/x")
        elsewhere.says(f"/{there.id}", status=307, Location="https://su33.example/x")
        elsewhere.says(f"/{strange.id}", status=307, Location="https://example.org/su3.")
        elsewhere.says(f"/{unknown.id}", b'{"error":"x"}', 400)
        elsewhere.says(f"/{broken.id}", b"", 502)
        with scheduler_running(**settings) as unit:
            verdicts = {item.id: unit.post(item.to_bytes()).json() for item in (here, unknown)}
            assert {answer["id"] for answer in verdicts.values()} == {here.id, unknown.id}
            belongs = {"error": "Process does not belong on this SU"}
            assert unit.post(there.to_bytes()).json() == belongs
            assert unit.post(strange.to_bytes()).json() == belongs
            assert unit.post(broken.to_bytes()).json() == {"error": "Unable to check router"}
            assert ("GET", f"/{here.id}?process-id={here.id}", b"") in elsewhere.asked
            assert ("HEAD", f"/moved/{known}", b"") in second.asked
            cached = "/id?codec-device=ans104@1.0"
            wait(lambda: len([path for _, path, _ in elsewhere.asked if path == cached]) == 2)
            sent = [body for method, path, body in elsewhere.asked if (method, path) == ("POST", cached)]
            assert all(parse(body).tag("Bundle-Format") == "binary" for body in sent)
        url = f"{elsewhere.url}/tx/arweave"
        assert not [path for _, path, _ in elsewhere.asked if path == url]


def sample(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} ([\d.e+]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.timeout(120)
def test_metrics_are_those_of_all_workers() -> None:
    duration = "su_core_metrics_duration_milliseconds"
    with scheduler_running(workers=2, metrics=True) as unit:
        by = signer()
        process = spawn(by)
        empty = unit.http.get("/metrics")
        assert empty.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert f'{duration}_count{{function_name="write_item"}}' not in empty.text
        assert unit.post(process.to_bytes()).status_code == 200
        for number in range(12):  # each over a connection of its own, so that both workers get some
            body = message(by, process, b"%d" % number).to_bytes()
            assert plain_http.post(unit.url, content=body).status_code == 200
            assert plain_http.get(f"{unit.url}/{process.id}").status_code == 200
        assert unit.post(b"nothing").status_code == 400
        assert unit.http.get("/" + "A" * 43).status_code == 400
        assert unit.http.post("/", params={"process-id": process.id, "assign": "A" * 43}).status_code == 400
        found = unit.edges(process.id)[0]["message"]["id"]
        assert unit.http.get(f"/{found}").status_code == 200
        assert unit.http.get(f"/processes/{process.id}").status_code == 200

        def counts() -> dict[str, float]:
            text = unit.http.get("/metrics").text
            names = (
                "write_item", "write_assignment", "get_message", "get_messages", "acquire_write_lock",
            )  # fmt: skip
            return {name: sample(text, f'{duration}_count{{function_name="{name}"}}') for name in names}

        expected = {
            "write_item": 13, "write_assignment": 1, "get_message": 1, "get_messages": 13,
            "acquire_write_lock": 12,
        }  # fmt: skip
        deadline = time.monotonic() + 30
        while (found_counts := counts()) != expected:  # a worker adds its own once a second
            assert time.monotonic() < deadline, found_counts
            time.sleep(0.2)
        for _ in range(6):
            assert counts() == expected, "whichever worker answers"
        text = unit.http.get("/metrics").text
        bounds = re.findall(
            rf'^{duration}_bucket{{function_name="write_item",le="([^"]+)"}}', text, re.MULTILINE
        )
        assert [float(bound) for bound in bounds[:10]] == [0, 1, 5, 10, 25, 50, 100, 250, 500, 1000]
        assert (len(bounds), bounds[-1]) == (23, "+Inf")
        assert sample(text, f'{duration}_count{{function_name="read_message_data"}}') >= 13
        assert sample(text, f'{duration}_count{{function_name="get_process"}}') >= 14
        assert "message_save_failures_total" in text
        assert sample(text, "su_gateway_height") > 0
        assert text.endswith("# EOF\n")
        families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        assert {name for name in families if not name.startswith(("su_", "message_save_failures"))} == set()


def test_a_unit_that_warms_up_takes_no_writes() -> None:
    with scheduler_running(("scheduler",), warmup_s=3600) as unit:
        answer = unit.post(b"")
        assert (answer.status_code, answer.json()) == (
            503,
            {"error": "Server is warming up. Please try again later."},
        )
        assert unit.http.get("/" + "A" * 43).status_code == 400
        off = unit.http.get("/metrics")
        assert (off.status_code, off.text) == (400, "Metrics not enabled")
        assert off.headers["content-type"].startswith("text/plain")
