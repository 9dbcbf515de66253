"""What the scheduler's own commands do; the command line asks, calls and shows."""
