"""Numbered SQL of the log that the nodes of a federation share."""
