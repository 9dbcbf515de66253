"""Old versions in one piece."""

import pytest

from lamina.services.telemetry.live.version import Version, split_version


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("0.9.17-75dd6c7d0-x86_64-linux-gnu", Version("0.9.17-75dd6c7d0", "x86_64", "linux", "gnu")),
        ("0.9.17-75dd6c7d0-x86_64-linux", Version("0.9.17-75dd6c7d0", "x86_64", "linux")),
        ("0.9.17-x86_64-linux-gnu", Version("0.9.17", "x86_64", "linux", "gnu")),
        ("0.9.17-x86_64-linux", Version("0.9.17", "x86_64", "linux")),
        ("2.0.0-rc4-1234abcd-aarch64-macos", Version("2.0.0-rc4-1234abcd", "aarch64", "macos")),
        ("2.1.2", Version("2.1.2")),
        ("2.1.2-6d2e3c3", Version("2.1.2-6d2e3c3")),
        ("x86_64-linux-gnu", Version("x86_64-linux-gnu")),
        ("", Version("")),
        ("---", Version("-", "", "")),
    ],
)
def test_a_version_is_taken_apart(given: str, parts: Version) -> None:
    assert split_version(given) == parts
