"""The stand-in gateway is for trials."""

from tests.running_platform import RunningPlatform, open_directory


def test_production_does_not_run_the_stand_in() -> None:
    production = {"LAMINA_PLATFORM__PROFILE": "production"}
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data", environment=production)
        told = platform.run("up", "--services", "gateway")
    assert told.returncode == 3, told.stderr
    assert "invents a network" in told.stderr
    assert "scheduler.gateway_url" in told.stderr
