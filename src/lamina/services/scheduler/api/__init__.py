"""The HTTP API of spec/scheduler.md 8, one file per resource: parse, call, render."""
