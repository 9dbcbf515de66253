"""All SQL of telemetry."""
