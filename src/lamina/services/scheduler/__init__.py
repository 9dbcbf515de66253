"""The scheduler: messages to processes, ordered and signed (the job of the ao Scheduler Unit)."""
