"""The asset ledger: BigchainDB Server 1.0.1 in its API and data model (spec/ledger.md)."""
