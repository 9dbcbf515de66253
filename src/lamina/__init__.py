"""Lamina: one self-hosted ledger platform, four services over one kernel."""

__version__ = "0.1.0"
