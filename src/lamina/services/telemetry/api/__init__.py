"""The HTTP API of spec/telemetry.md 6, one file per resource: parse, call, render."""
