"""Versions of older nodes hold what newer ones send as `target_arch`, `target_os` and `target_env`."""

from dataclasses import dataclass

_VERSION_CHARACTERS = frozenset("0123456789abcdef.")


@dataclass(frozen=True, slots=True)
class Version:
    """A version and what it was built for."""

    version: str
    target_arch: str | None = None
    target_os: str | None = None
    target_env: str | None = None


def split_version(version: str) -> Version:
    """Take `0.9.17-75dd6c7d0-x86_64-linux-gnu` apart; the last part may be absent.

    Returns:
        The parts; only the version as it is where it does not end so.
    """
    parts = version.split("-")
    if len(parts) < 3:
        return Version(version)
    targets = 2 if _VERSION_CHARACTERS.issuperset(parts[-3]) else 3
    rest = "-".join(parts[:-targets])
    if not rest:
        return Version(version)
    return Version(rest, *parts[-targets:])
