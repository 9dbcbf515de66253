"""Frozen value types of telemetry. No I/O."""
