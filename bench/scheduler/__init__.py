"""The scheduler from a message to its answer, beside the signing rate (`python -m bench.scheduler`)."""
