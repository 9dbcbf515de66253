"""Measurements of whole services beside the floor of what their work unavoidably costs."""
