"""Numbered SQL of telemetry."""
