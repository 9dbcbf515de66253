"""Telemetry from a frame sent to a message stored and queryable, as ratios (`python -m bench.telemetry`)."""
