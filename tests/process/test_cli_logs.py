"""`lamina logs analyse`: sums of access logs in all the formats it reads."""

import json
import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.process.command import Home

from lamina.kernel.observability.access import AccessLog
from lamina.kernel.observability.rotating import RotatingFile

MONDAY = datetime(2024, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def line(
    *, after: timedelta = timedelta(), path: str = "/api/v1/blocks", status: int = 200, ms: float = 1.0
) -> str:
    """A line as Lamina writes it, of an answer of 100 bytes."""
    return json.dumps(
        {
            "timestamp": (MONDAY + after).isoformat(), "service": "ledger", "method": "GET", "path": path,
            "query": "", "status": status, "bytes_sent": 100, "duration_ms": ms, "peer": "10.0.0.1",
            "request_id": "r",
        }
    )  # fmt: skip


def analysed(home: Home, lines: Iterable[str], *args: str, exit_code: int = 0) -> dict[str, Any]:
    (home.path / "log").write_text("".join(f"{each}\n" for each in lines))
    return home.json("logs", "analyse", "log", "--json", *args, exit_code=exit_code)


def test_totals_span_and_average(home: Home) -> None:
    lines = [line(after=timedelta(days=2)), line(status=404), line(after=timedelta(days=4), status=503)]
    found = analysed(home, lines)
    assert {key: found[key] for key in ("lines", "lines_unreadable", "days", "bytes_sent", "bytes_per_day")} == {
        "lines": 3, "lines_unreadable": 0, "days": 4.0, "bytes_sent": 300, "bytes_per_day": 75.0,
    }  # fmt: skip
    assert found["statuses"] == {"2xx": 1, "4xx": 1, "5xx": 1}
    assert (found["first"], found["last"]) == ("2024-03-04T12:00:00+00:00", "2024-03-08T12:00:00+00:00")


def test_people_get_the_same_figures(home: Home) -> None:
    (home.path / "log").write_text(line() + "\n" + line(after=timedelta(days=1), ms=2000) + "\nnoise\n")
    shown = home.run("logs", "analyse", "log").stdout
    for name, value in (("lines", "3"), ("unreadable", "1"), ("bytes sent", "200"), ("bytes per day", "200")):
        assert f"{name:14} {value}" in shown
    assert "1.00  (2024-03-04 12:00:00+00:00 to 2024-03-05 12:00:00+00:00)" in shown
    assert shown.splitlines()[-1].split()[2:] == ["2", "GET", "/api/v1/blocks"]


def test_the_slowest_routes_come_first_with_their_quantiles(home: Home) -> None:
    fast = [line(path=f"/api/v1/transactions/{number:064x}", ms=number) for number in range(1, 101)]
    slow = [line(path="/api/v1/assets", ms=900)] * 10
    found = analysed(
        home, [*fast, *slow, line(path="/api/v1/streams/valid_transactions", status=101, ms=1e7)]
    )
    assets, transactions = found["slowest_routes"]
    assert (assets["route"], assets["requests"]) == ("GET /api/v1/assets", 10)
    assert assets["p50_ms"] == pytest.approx(900, rel=0.01)
    assert (transactions["route"], transactions["requests"]) == ("GET /api/v1/transactions/{id}", 100)
    assert transactions["p50_ms"] == pytest.approx(50, rel=0.01)
    assert transactions["p99_ms"] == pytest.approx(99, rel=0.01)
    assert len(analysed(home, [*fast, *slow], "--routes", "1")["slowest_routes"]) == 1


def test_the_combined_format_of_web_servers(home: Home) -> None:
    found = analysed(
        home,
        [
            '10.0.0.1 - - [04/Mar/2024:12:00:00 +0000] "GET /api/v1/blocks?x=1 HTTP/1.1" 200 512 "-" "curl" rt=0.250',
            '::1 - bob smith [04/Mar/2024:13:00:00 +0100] "POST /api/v1/transactions HTTP/1.1" 202 - "-" "a \\"b\\""',
            '10.0.0.1 - - [06/Mar/2024:12:00:00 +0000] "\\x16\\x03" 400 150 "-" "-"',
        ],
    )
    assert (found["lines"], found["lines_unreadable"], found["bytes_sent"]) == (3, 0, 662)
    assert (found["days"], found["bytes_per_day"]) == (2.0, 331.0)
    assert found["slowest_routes"][0]["route"] == "GET /api/v1/blocks"
    assert found["slowest_routes"][0]["p50_ms"] == pytest.approx(250, rel=0.01)


def test_a_csv_with_a_column_for_each_fact(home: Home) -> None:
    found = analysed(
        home,
        [
            "Time,Method,URI,Status,Body_Bytes_Sent,duration_ms",
            "2024-03-04T12:00:00Z,GET,/api/v1/blocks,200,10,5",
            '2024-03-05T00:00:00,GET,"/a,b",404,20,',
            "2024-03-05T00:00:00Z,GET,/x,abc,20,1",
            "2024-03-05T00:00:00Z,GET,/x,200,1_0,1",
            f"2024-03-05T00:00:00Z,GET,/x,200,{'9' * 19},1",
            "2024-03-05T00:00:00Z",
        ],
    )
    assert (found["lines"], found["lines_unreadable"], found["bytes_sent"], found["days"]) == (6, 4, 30, 0.5)


def test_a_csv_with_a_column_that_holds_whole_lines(home: Home) -> None:
    cell = '10.0.0.1 - - [04/Mar/2024:12:00:00 +0000] ""GET / HTTP/1.1"" 200 512 ""-"" ""curl""'
    quoted = line().replace('"', '""')
    found = analysed(home, ["TimeGenerated,LogEntry,Id", f'x,"{cell}",1', f'x,"{quoted}",2'])
    assert (found["lines"], found["lines_unreadable"], found["bytes_sent"]) == (2, 0, 612)


@pytest.mark.parametrize(
    "bad",
    [
        "noise",
        "{}",
        "{not json",
        '{"event": "started", "level": "info"}',
        line(status=99),
        line(ms=-1),
        line().replace("2024-03-04", "2024-13-04"),
        line().replace('"bytes_sent": 100', '"bytes_sent": -1'),
        line().replace('"bytes_sent": 100', '"bytes_sent": "many"'),
        line(path="x" * 70_000),
        "\x00\xff",
        '10.0.0.1 - - [99/Foo/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 512',
    ],
    ids=lambda bad: bad[:20],
)
def test_what_is_no_request_is_counted_and_spoils_nothing(home: Home, bad: str) -> None:
    found = analysed(home, [line(), bad, line(after=timedelta(days=1))])
    assert (found["lines"], found["lines_unreadable"], found["bytes_sent"]) == (3, 1, 200)


def test_several_files_and_standard_input_are_one_log(home: Home) -> None:
    (home.path / "a").write_text(line() + "\n")
    (home.path / "b").write_text("status,bytes,time\n200,1,2024-03-05T12:00:00Z\n")
    done = home.run("logs", "analyse", "a", "-", "b", "--json", stdin=line(after=timedelta(days=2)))
    found = json.loads(done.stdout)
    assert (found["lines"], found["bytes_sent"], found["days"]) == (3, 201, 2.0)


def test_without_a_file_the_platforms_own_log_is_read(home: Home) -> None:
    missing = home.run("logs", "analyse")
    assert missing.returncode == 4
    assert str(home.data_dir / "log" / "access.log") in missing.stderr
    file = RotatingFile(home.data_dir / "log" / "access.log", bytes_max=200, keep=3)
    for _ in range(3):
        log = AccessLog(file, service="ledger")
        log.record("GET", "/", "", 200, bytes_sent=7, duration_s=0.01, peer="::1", request_id="r")
        log.close()
    file.close()
    assert len(list((home.data_dir / "log").iterdir())) == 3
    found = home.json("logs", "analyse", "--json")
    assert (found["lines"], found["lines_unreadable"], found["bytes_sent"]) == (3, 0, 21)
    assert found["slowest_routes"][0]["p99_ms"] == pytest.approx(10, rel=0.01)


def test_nothing_readable_is_a_refusal_and_an_empty_log_is_not(home: Home) -> None:
    assert analysed(home, ["noise", "more"], exit_code=4)["lines_unreadable"] == 2
    empty = analysed(home, [])
    assert (empty["lines"], empty["days"], empty["bytes_per_day"], empty["first"]) == (0, 0, None, None)
    assert home.run("logs", "analyse", "missing").returncode == 4


def test_memory_does_not_grow_with_the_log(home: Home) -> None:
    peaks = [peak_kib(home, lines) for lines in (1000, 60_000)]
    assert peaks[1] - peaks[0] < 8192, peaks


def peak_kib(home: Home, lines: int) -> int:
    """Peak memory of reading a log in which every request has a path of its own."""
    with (home.path / "big").open("w") as file:
        file.writelines(line(path=f"/{'a' * 40}g/{n}x/y{n}", ms=n % 977 + 1) + "\n" for n in range(lines))
    process = subprocess.Popen(
        home.command("logs", "analyse", "big"), env=home.environ({}), cwd=home.path, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss
