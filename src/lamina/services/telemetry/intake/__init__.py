"""From the socket to the stored batch, and the purge."""
