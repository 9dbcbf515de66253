"""Frozen value types of the ledger and how they are read from stored bytes. No I/O."""
