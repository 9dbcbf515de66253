"""Telemetry of nodes: Tetcore Analytics and substrate-telemetry in one service (spec/telemetry.md)."""
