"""The outside world: gateways and uploader."""
