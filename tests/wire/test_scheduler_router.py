"""The router through its door: placement, redirects, proxy, list, health (spec/scheduler.md 17)."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests import plain_http
from tests.json_server import answering
from tests.postgres_server import fetch
from tests.scheduler_router import (
    INTERVALS,
    FakeUnit,
    Router,
    database,
    fake_units,
    router_running,
    write_list,
    write_wallet,
)
from tests.scheduler_unit import MESSAGE_TAGS, Unit, message, scheduler_running, signer, spawn

from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.avro_tags import Tag

pytestmark = pytest.mark.timeout(240)

NOBODY = "x" * 43


@pytest.fixture(scope="module")
def dsn(postgres: str) -> Iterator[str]:
    with database(postgres) as made:
        yield made


@pytest.fixture(scope="module")
def three(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Router, Sequence[FakeUnit]]]:
    """A router over three cheap units, the last of which is listed with a slash at its end."""
    listed = tmp_path_factory.mktemp("router") / "list.json"
    with fake_units(3) as units:
        write_list(listed, units[0].url, units[1].url, f"{units[2].url}/")
        with router_running(dsn, listed) as router:
            router.wait_up(*(unit.url for unit in units))
            yield router, units


def spawns(count: int) -> list[SignedItem]:
    by = signer()
    return [spawn(by, data=os.urandom(8)) for _ in range(count)]


def place_all(routers: Sequence[Router], items: Sequence[SignedItem]) -> list[dict[str, str]]:
    """What each router says of each spawn, all asked at once."""

    def place(job: tuple[int, SignedItem]) -> str:
        return routers[job[0]].place(job[1].to_bytes())

    jobs = [(number, item) for item in items for number in range(len(routers))]
    with ThreadPoolExecutor(16) as pool:
        urls = list(pool.map(place, jobs))
    return [
        {item.id: url for (asked, item), url in zip(jobs, urls, strict=True) if asked == number}
        for number in range(len(routers))
    ]


def test_each_process_is_on_one_unit_and_stays_there(
    three: tuple[Router, Sequence[FakeUnit]], dsn: str
) -> None:
    router, units = three
    before = {url: unit["process_count"] for url, unit in router.units().items()}
    items = spawns(300)
    (placed,) = place_all([router], items)
    spread = Counter(placed.values())
    assert set(spread) == {unit.url for unit in units}
    assert all(90 <= count <= 110 for count in spread.values()), spread
    counts = {url: unit["process_count"] - before[url] for url, unit in router.units().items()}
    assert counts == dict(spread)

    router.platform.kill()
    router.platform.start()
    (again,) = place_all([router], items)
    assert again == placed
    assert {url: unit["process_count"] - before[url] for url, unit in router.units().items()} == counts
    recorded = fetch(
        dsn,
        "SELECT count(*) AS many, count(DISTINCT process_id) AS processes FROM scheduler.process_schedulers",
    )
    assert recorded[0]["many"] == recorded[0]["processes"] == sum(counts.values()) + sum(before.values())


def test_where_clients_are_sent(three: tuple[Router, Sequence[FakeUnit]]) -> None:
    router, _ = three
    by = signer()
    process = spawn(by)
    url = router.place(process.to_bytes())
    for path in (
        f"/?process-id={process.id}",
        f"/timestamp?process-id={process.id}",
        f"/processes/{process.id}",
        f"/{process.id}/latest",
        f"/{process.id}",
        f"/{process.id}?from=1&to=%20x&limit=undefined&&a=b%2Fc",
        f"/{NOBODY}?process-id={process.id}&process-id={NOBODY}",
    ):
        assert router.location(path) == url + path
    posted = router.post(message(by, process, b"hello").to_bytes())
    assert (posted.status_code, posted.headers["location"]) == (307, f"{url}/")
    assign = router.http.post(f"/?process-id={process.id}&assign={NOBODY}&base-layer")
    assert assign.headers["location"] == f"{url}/?process-id={process.id}&assign={NOBODY}&base-layer"


def test_what_is_refused(three: tuple[Router, Sequence[FakeUnit]]) -> None:
    router, _ = three
    by = signer()
    unknown = 'NotFound("Process scheduler not found")'
    for path, text in {
        "/": "No process-id query parameter provided",
        "/timestamp": "No process-id query parameter provided",
        f"/?process-id={NOBODY}": unknown,
        "/timestamp?process-id=short": unknown,
        f"/processes/{NOBODY}": unknown,
        "/nope/latest": unknown,
        f"/{NOBODY}": "Unable to locate process, if this is a message id query be sure to pass the "
        "process-id query parameter",
        f"/{NOBODY}?process-id={NOBODY}": unknown,
    }.items():
        assert router.error(router.http.get(path)) == text, path
    for params in ({"assign": NOBODY}, {"process-id": NOBODY}):
        both = "If sending assign or process-id, you must send both."
        assert router.error(router.http.post("/", params=params)) == both
    both = {"assign": NOBODY, "process-id": NOBODY}
    assert router.error(router.http.post("/", params=both)) == "Unable to locate scheduler for process-id"
    stray = message(by, spawn(by)).to_bytes()
    assert router.error(router.post(stray)) == "Unable to locate scheduler for message target"
    for tags in (MESSAGE_TAGS[:2], (*MESSAGE_TAGS[:2], Tag("Type", "Other"))):
        odd = sign(Draft(tags, target=bytes(32), data=(b"",)), by).to_bytes()
        assert router.error(router.post(odd)) == "Cannot redirect data item, invalid Type Tag"
    for_nobody = sign(Draft(MESSAGE_TAGS, data=(b"",)), by).to_bytes()
    assert router.error(router.post(for_nobody)) == "Unable to locate scheduler for message target"
    damaged = bytearray(spawn(by).to_bytes())
    damaged[10] ^= 1
    assert "Signature verification failed" in router.error(router.post(bytes(damaged)))
    assert "Buffer too short" in router.error(router.post(b"no item"))
    assert router.post(b"\0" * 10_485_761).status_code == 413
    assert (router.http.get("/health").status_code, router.http.get("/health").content) == (200, b"")
    assert router.http.get("/nope/at/all").status_code == 404


def test_a_spawn_that_no_unit_would_take_gets_no_place(three: tuple[Router, Sequence[FakeUnit]]) -> None:
    router, _ = three
    before = router.units()
    without_module = sign(Draft((*MESSAGE_TAGS[:2], Tag("Type", "Process")), data=(b"",)), signer())
    assert router.error(router.post(without_module.to_bytes())) == (
        "Required Module and Scheduler tags for Process type not present"
    )
    after = router.units()
    assert [unit["process_count"] for unit in after.values()] == [
        unit["process_count"] for unit in before.values()
    ]


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "/@evil.example/latest", "/%0d%0aX:y/latest", "/x%00/latest", "/\xff\xfe/latest"],
)
def test_a_path_leads_to_no_other_host(three: tuple[Router, Sequence[FakeUnit]], path: str) -> None:
    router, _ = three
    process = spawn(signer())
    url = router.place(process.to_bytes())
    answer = router.http.get(f"{path}?process-id={process.id}")
    assert answer.status_code in {307, 400, 404}
    if answer.status_code == 307:
        assert answer.headers["location"].startswith(f"{url}/")
    by_query = router.http.get(f"/{NOBODY}?process-id={process.id}&x=\xe9%0d%0a")
    assert by_query.headers["location"].isascii()
    assert by_query.headers["location"].startswith(f"{url}/{NOBODY}?")


def test_routers_on_one_database_agree(postgres: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    with database(postgres) as dsn, fake_units(3) as units:
        urls = [unit.url for unit in units]
        write_list(listed, *urls)
        with router_running(dsn, listed) as first, router_running(dsn, listed) as second:
            items = spawns(150)
            one, other = place_all([first, second], items)
            assert one == other
            assert Counter(one.values()) == dict.fromkeys(urls, 50)
            assert [unit["process_count"] for unit in second.units().values()] == [50] * 3


def test_a_unit_that_is_down(postgres: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    with database(postgres) as dsn, fake_units(2) as (lost, left):
        write_list(listed, lost.url, left.url)
        with router_running(dsn, listed) as router:
            router.wait_up(lost.url, left.url)
            before, other = spawns(2)
            assert router.place(before.to_bytes()) == lost.url
            assert router.place(other.to_bytes()) == left.url

            lost.stop()
            router.wait_up(left.url)
            assert "no answer" in router.units()[lost.url]["reason"]
            told = router.wait_log("a unit is down: it gets no new processes while another is up")
            assert told["url"] == lost.url
            (placed,) = place_all([router], spawns(20))
            assert set(placed.values()) == {left.url}
            assert router.location(f"/{before.id}") == f"{lost.url}/{before.id}"
            assert plain_http.get(f"{router.platform.admin_url}/readyz").status_code == 200
            assert metric(router, "su_unit_up", lost.url) == "0.0"

            left.stop()
            router.wait_up()
            assert router.place(spawns(1)[0].to_bytes()) == lost.url, "nobody is up: the look may be wrong"
            lost.start()
            router.wait_up(lost.url)


def test_the_list_is_followed(postgres: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    listed.write_text("[{]")
    with (
        database(postgres) as dsn,
        fake_units(4) as units,
        router_running(dsn, listed, is_ready=False) as router,
    ):
        a, b, c, d = (unit.url for unit in units)
        complaint = router.wait_log("the scheduler list is not taken over; the units stay as they are")
        assert "JSON" in complaint["do"]
        assert router.error(router.post(spawns(1)[0].to_bytes())) == "Could not find a scheduler to assign"

        write_list(listed, a)
        router.wait_up(a)
        router.platform.wait_ready()
        assert router.place(spawns(1)[0].to_bytes()) == a

        owner = signer()
        theirs = spawn(owner)
        address = owner_address(theirs)
        write_list(
            listed,
            {"url": a, "no_route": True},
            b,
            {"url": c, "wallets_only": True, "wallets_to_route": f" {NOBODY} , {address}"},
            {"url": d, "wallets_to_route": address, "no_route": False},
        )
        router.wait_up(a, b, c, d)
        (placed,) = place_all([router], spawns(10))
        assert Counter(placed.values()) == {b: 5, d: 5}
        assert router.place(theirs.to_bytes()) == c, "the first that names the owner"

        for broken in ("{}", '[{"url": 1}]', '[{"url": "ftp://x"}]', '[{"url": "http://u:p@x"}]', ""):
            listed.write_text(broken)
            wait_usable(router, "0.0")
            write_list(listed, {"url": a, "no_route": True}, b)
            wait_usable(router, "1.0")
        assert set(router.units()) == {a, b, c, d}, "what the list no longer has stays"
        assert router.units()[c]["wallets_to_route"] == sorted([NOBODY, address])
        listed.unlink()
        assert router.place(theirs.to_bytes()) == c


def wait_usable(router: Router, value: str) -> None:
    router.wait_units(lambda _: metric(router, "su_scheduler_list_usable") == value)


def metric(router: Router, name: str, *labels: str) -> str:
    """A metric of the router's process as the admin listener shows it."""
    exposed = plain_http.get(f"{router.platform.admin_url}/metrics").text
    lines = [
        line for line in exposed.splitlines() if line.startswith(name) and all(map(line.__contains__, labels))
    ]
    return lines[0].rpartition(" ")[2] if lines else ""


def owner_address(item: SignedItem) -> str:
    return parse(item.to_bytes()).owner_address


@pytest.fixture
def proxy(postgres: str, tmp_path: Path) -> Iterator[tuple[Router, Sequence[FakeUnit]]]:
    listed = tmp_path / "list.json"
    options = {"router_post": "proxy", "unit_timeout_s": 1.5, "gateway_body_bytes_max": 100_000}
    with database(postgres) as dsn, fake_units(2) as units:
        write_list(listed, *(unit.url for unit in units))
        with router_running(dsn, listed, **options) as router:
            router.wait_up(*(unit.url for unit in units))
            yield router, units


def test_a_proxy_relays(proxy: tuple[Router, Sequence[FakeUnit]]) -> None:
    router, (unit, _) = proxy
    by = signer()
    process = spawn(by, data=os.urandom(300_000))
    unit.answer = (200, "application/json; charset=utf-8", b' {"id": 1}\n')
    answer = router.http.post(
        "/?exclude=a%2Cb",
        content=process.to_bytes(),
        headers={
            "content-type": "application/octet-stream", "x-forwarded-for": "1.2.3.4", "x-real-ip": "1.2.3.4",
            "authorization": "secret", "cookie": "a=b",
        },
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (200, b' {"id": 1}\n')
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    path, headers, body = unit.posted[-1]
    assert (path, body) == ("/?exclude=a%2Cb", process.to_bytes())
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-forwarded-for"] == "127.0.0.1", "whom it is from, not whom it says it is from"
    assert not headers.keys() & {"x-real-ip", "authorization", "cookie"}
    assert headers["host"] in unit.url

    unit.answer = (400, "text/plain", b"no")
    answer = router.post(message(by, process, b"m").to_bytes())
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (400, b"no", "text/plain")
    answer = router.http.post(f"/?process-id={process.id}&assign={NOBODY}", content=b"")
    assert answer.status_code == 400
    assert unit.posted[-1][::2] == (f"/?process-id={process.id}&assign={NOBODY}", b"")
    assert router.location(f"/{process.id}") == f"{unit.url}/{process.id}", "reads are redirected"


def test_a_proxy_says_what_is_wrong(proxy: tuple[Router, Sequence[FakeUnit]]) -> None:
    router, (unit, other) = proxy
    by = signer()
    process = spawn(by)
    assert router.post(process.to_bytes()).status_code == 200
    item = message(by, process, b"m").to_bytes()

    unit.answer = (200, "application/json", b"x" * 100_001)
    assert "larger than 100000 bytes" in router.error(router.post(item), 502)
    ended = threading.Event()
    unit.answer, unit.before_answer = (200, "application/json", b"{}"), lambda: ended.wait(20) and None
    text = router.error(router.post(item), 502)
    assert unit.url in text
    assert "post the same again" in text
    ended.set()
    assert router.post(item).status_code == 200
    looped = router.http.post("/", content=item, headers={"via": "1.0 elsewhere, 1.1 lamina-router"})
    assert "must name units" in router.error(looped, 502)

    unit.stop()
    text = router.error(router.post(item), 503)
    assert unit.url in text
    assert "nothing was sent" in text
    for new in spawns(3):
        assert router.post(new.to_bytes()).status_code == 200
    assert len(other.posted) == 3, "new processes avoid the unit from the first refusal on"
    assert metric(router, "su_routed_total", 'how="failed"') == "3.0"


def test_a_list_that_names_the_router_itself(postgres: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    with database(postgres) as dsn:
        write_list(listed)
        with router_running(dsn, listed, is_ready=False, router_post="proxy") as router:
            write_list(listed, router.url)
            router.wait_up(router.url)
            assert "must name units" in router.error(router.post(spawns(1)[0].to_bytes()), 502)


@contextmanager
def real_units(server: str, listed: Path) -> Iterator[list[Unit]]:
    """Three units, each with its own database; beside the first a router, and the gateway of all."""
    with ExitStack() as stack:
        dsns = [stack.enter_context(database(server)) for _ in range(3)]
        shared = {"wallet_path": write_wallet(listed.parent), **INTERVALS}
        first = stack.enter_context(scheduler_running(dsn=dsns[0], schedulers_path=listed, **shared))
        shared["gateway_url"] = first.gateway_url
        others = [
            stack.enter_context(scheduler_running(("scheduler",), dsn=dsn, **shared)) for dsn in dsns[1:]
        ]
        yield [first, *others]


def test_three_real_units(postgres: str, tmp_path: Path) -> None:
    """300 processes by clients that follow redirects, and what they are told afterwards."""
    listed = tmp_path / "list.json"
    write_list(listed, "http://127.0.0.1:9")
    with real_units(postgres, listed) as (first, *others):
        units = {unit.url: unit for unit in (first, *others)}
        write_list(listed, {"url": "http://127.0.0.1:9", "no_route": True}, *units)
        router = Router(first.platform)
        router.wait_up(*units)
        items = spawns(300)

        def post(item: SignedItem) -> str:
            answer = router.http.post("/", content=item.to_bytes(), follow_redirects=True)
            assert (answer.status_code, answer.json().get("id")) == (200, item.id), answer.text
            return f"{answer.url.scheme}://{answer.url.netloc.decode()}"

        with ThreadPoolExecutor(8) as pool:
            places = dict(zip([item.id for item in items], pool.map(post, items), strict=True))
        assert all(90 <= count <= 110 for count in Counter(places.values()).values())
        for item in items:
            assert [url for url, unit in units.items() if has(unit, item.id)] == [places[item.id]]

        by = signer()
        said = [message(by, item, b"m") for item in items[:9]]
        for item in said:
            post(item)
        for process, item in zip(items, said, strict=False):
            listing = router.http.get(f"/{process.id}", follow_redirects=True).json()
            assert [edge["node"]["message"]["id"] for edge in listing["edges"]] == [item.id]
            read = router.http.get(f"/{item.id}", params={"process-id": process.id}, follow_redirects=True)
            assert read.json()["message"]["id"] == item.id
        router.close()


def has(unit: Unit, process_id: str) -> bool:
    return unit.http.get(f"/processes/{process_id}").status_code == 200


def test_the_operators_lists_hold_for_a_router_too(postgres: str, tmp_path: Path) -> None:
    """Spec 17.5: the process must be named, whichever unit has it; and nobody is routed who may not post."""
    listed, by = tmp_path / "list.json", signer()
    with database(postgres) as dsn, fake_units(1) as (unit,), answering() as elsewhere:
        write_list(listed, unit.url)
        ours, read_only, others, late = (spawn(by, data=os.urandom(8)) for _ in range(4))
        with router_running(dsn, listed) as router:
            for process in (ours, read_only, others):
                router.place(process.to_bytes())
        entry = {"su": "https://su1.example", "db_name": "a"}
        document = {"processes": {ours.id: entry, read_only.id: {**entry, "read_only": True}}}
        elsewhere.says("/processes", json.dumps(document).encode())
        elsewhere.says("/ips", b'["127.0.0.1"]')
        settings = {
            "process_whitelist_url": f"{elsewhere.url}/processes",
            "ip_whitelist_url": f"{elsewhere.url}/ips",
            "ip_whitelist_interval_s": 0.2,
            "metrics": True,
        }
        with router_running(dsn, listed, **settings) as router:
            assert router.location(f"/{read_only.id}/latest") == f"{unit.url}/{read_only.id}/latest"
            for path in (f"/{others.id}", f"/processes/{others.id}", f"/?process-id={others.id}"):
                said = router.error(router.http.get(path), 403)
                assert said == f"Process {others.id} is not allowed on this SU"
            assert router.post(message(by, ours).to_bytes()).status_code == 307
            refused = {
                read_only: f"Process {read_only.id} is read_only on this SU",
                others: f"Process {others.id} is not allowed on this SU",
            }
            for process, text in refused.items():
                assert router.error(router.post(message(by, process).to_bytes())) == text
                assigned = router.http.post("/", params={"process-id": process.id, "assign": ours.id})
                assert router.error(assigned) == text
            assert router.error(router.post(late.to_bytes())) == "Process spawning is not supported"
            assert 'su_routed_total{how="redirected"}' in router.http.get("/metrics").text
            elsewhere.says("/ips", b"[]")
            deadline = time.monotonic() + 20
            while router.post(message(by, ours).to_bytes()).status_code == 307:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert router.error(router.post(message(by, ours).to_bytes())) == "Access denied"
