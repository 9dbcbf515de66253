"""All SQL of the ledger, one file per table or question. Reads return model types or wire-ready bytes."""
