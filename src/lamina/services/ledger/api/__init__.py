"""The HTTP API of spec/ledger.md 3, one file per resource: parse, call, render."""
