"""The scheduler as telemetry sees it: a node that reports what it schedules and what waits (issue 4, 6)."""

from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn
from tests.telemetry_service import Telemetry, wait_until


def reported(telemetry: Telemetry, unit: Unit) -> int:
    logs = telemetry.logs(unit.get("/")["address"], msg="scheduler.scheduled")
    return sum(log["logs"]["count"] for log in logs)


def test_the_scheduler_reports_itself() -> None:
    nowhere = "http://127.0.0.1:9"
    with scheduler_running(("scheduler", "gateway", "telemetry"), upload_url=nowhere) as unit:
        telemetry = Telemetry(unit.platform)
        address = unit.get("/")["address"]
        wait_until(lambda: address in telemetry.nodes())
        node = telemetry.nodes()[address]
        assert (node["chain"], node["implementation"]) == ("Lamina scheduler", "Lamina scheduler")
        assert node["startup_time"]
        # What happens before the first word is no news.
        wait_until(lambda: telemetry.stats(address).get("system.interval", 0) > 1)
        by = signer()
        process = spawn(by)
        for item in (process, *(message(by, process, b"%d" % number) for number in range(4))):
            assert unit.post(item.to_bytes()).status_code == 200
        wait_until(lambda: reported(telemetry, unit) == 5)
        # Nobody takes the uploads, so all five wait.
        wait_until(lambda: telemetry.logs(address, msg="system.interval")[-1]["logs"]["txcount"] == 5)
        newest = telemetry.logs(address, msg="system.interval")[-1]["logs"]
        assert newest["network_height"] == int(unit.get("/timestamp")["block_height"])
        telemetry.http.close()
