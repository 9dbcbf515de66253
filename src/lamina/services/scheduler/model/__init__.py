"""Frozen value types of the scheduler. No I/O."""
