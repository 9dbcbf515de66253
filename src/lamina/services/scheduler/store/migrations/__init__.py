"""Numbered SQL of the scheduler."""
