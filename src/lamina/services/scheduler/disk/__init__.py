"""Bundles of messages in RocksDB, beside the rows they come from (spec/scheduler.md 18.2); knows no SQL."""
