"""The ledger's numbered SQL, in its schema `ledger`."""
