"""Words of the original's environment that are not Lamina's (spec/telemetry.md 10)."""

POOL_CONNECTIONS_MAX = 100
"""Of `DB_POOL_SIZE` and `NUM_THREADS`, as the original has it."""

_LEVELS = {
    "off": "critical",
    "error": "error",
    "warn": "warning",
    "info": "info",
    "debug": "debug",
    "trace": "debug",
}
_MOST_VERBOSE = ("debug", "info", "warning", "error", "critical")


def pool_size(text: str) -> str:
    """Connections of a pool: no more than the original opens.

    Raises:
        ValueError: it is no whole number.
    """
    try:
        return str(min(int(text), POOL_CONNECTIONS_MAX))
    except ValueError:
        raise ValueError(f"should be a whole number, not {text[:60]!r}") from None


def log_level(text: str) -> str:
    """The most verbose level of a list such as `warn,tetcore_analytics=debug`.

    Raises:
        ValueError: there is no level in it.
    """
    words = [directive.rpartition("=")[2].strip().lower() for directive in text.split(",")]
    found = {_LEVELS[word] for word in words if word in _LEVELS}
    if not found:
        raise ValueError(f"should have one of {', '.join(_LEVELS)}, not {text[:60]!r}")
    return next(level for level in _MOST_VERBOSE if level in found)
