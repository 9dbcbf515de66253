"""Takes over the database of an original scheduler: copies, then proves, then opens process by process."""
