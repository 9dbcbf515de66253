"""What the ledger's own commands do; the command line asks, calls and shows."""
