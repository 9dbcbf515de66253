"""From an accepted message to its durable assignment, and on to the uploader."""
