"""Telemetry: what nodes say of themselves, stored, queried, shown live and purged."""
