"""The asset ledger from POST to valid, as ratios in one run (`python -m bench.ledger`)."""
