"""Composition root: the only package that names services."""
