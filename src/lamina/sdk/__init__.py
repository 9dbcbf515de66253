"""Clients of Lamina's services, for programs; they know the public APIs and `lamina.formats`, no more."""
