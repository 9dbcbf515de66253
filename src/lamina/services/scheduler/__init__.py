"""The scheduler: ao's Scheduler Unit in its API and data model (spec/scheduler.md)."""
