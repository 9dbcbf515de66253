"""Backups of one database: a directory with a dump, perhaps keys, and a manifest that is written last."""
