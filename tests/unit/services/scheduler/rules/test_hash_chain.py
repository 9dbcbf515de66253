import hashlib

import pytest

from lamina.formats import base64url
from lamina.formats.errors import FormatError
from lamina.services.scheduler.rules.hash_chain import first_link, next_link

PROCESS = base64url.encode(bytes(range(32)))
ASSIGNMENT = base64url.encode(b"a" * 32)


def test_links() -> None:
    first = hashlib.sha256(bytes(range(32))).digest()
    assert first_link(PROCESS) == base64url.encode(first)
    second = hashlib.sha256(b"a" * 32 + first).digest()
    assert next_link(ASSIGNMENT, first_link(PROCESS)) == base64url.encode(second)


@pytest.mark.parametrize(
    "text", ["", "A", PROCESS[:-1], PROCESS + "A", PROCESS + "=", PROCESS[:-1] + "9", "ü" * 43]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        first_link(text)
    with pytest.raises(FormatError):
        next_link(text, PROCESS)
    with pytest.raises(FormatError):
        next_link(PROCESS, text)
