"""The live view (spec/telemetry.md part B): chains and nodes as they are now, from the messages they send.

Pure and synchronous: no I/O, no clock, no tasks. Whoever drives it says what was heard and what time it is,
so the same messages in the same order give the same state, be they from a socket or from the store. Begin
reading at `view.py`; what leaves goes through `feed.py` (protocol version 33) or `objects.py` (named keys).
"""
