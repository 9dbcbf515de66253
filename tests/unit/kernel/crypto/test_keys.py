import json
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from lamina.formats import base58
from lamina.formats.signatures import verify
from lamina.kernel.crypto.keys import NodeKey, load, load_or_create
from lamina.kernel.crypto.secret_file import write_secret
from lamina.kernel.errors import ConfigurationError, SecretFileError


def test_the_key_is_made_once_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    made = load_or_create(path)
    assert load_or_create(path) == made == load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"public": made.public, "private": made.private}


def test_signatures_verify_under_the_public_key() -> None:
    key = NodeKey.generate()
    assert verify(base58.decode(key.public), b"block", key.sign(b"block"))
    assert NodeKey.from_private(key.private).sign(b"block") == key.sign(b"block")


def test_many_processes_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    program = (
        "import sys; from pathlib import Path; from lamina.kernel.crypto.keys import load_or_create\n"
        "sys.stdin.read(); print(load_or_create(Path(sys.argv[1])).public)"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
    public = {child.communicate()[0].strip() for child in children}
    assert public == {load(path).public}


def test_the_secret_is_in_no_repr(tmp_path: Path) -> None:
    key = NodeKey.generate()
    assert key.private not in f"{key!r} {key} {[key]}"


def test_bad_keys_are_refused_without_being_repeated(tmp_path: Path) -> None:
    secret = "thisIsNotBase58Of32Bytes"
    with pytest.raises(ConfigurationError) as caught:
        NodeKey.from_private(secret)
    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"3",
        b"{}",
        b'{"public": "x", "private": 3}',
        b'{"public": "x", "private": "SECRETSECRET"}',
    ],
)
def test_a_damaged_file_is_reported_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.key"
    write_secret(path, content)
    with pytest.raises(SecretFileError, match="not a key file") as caught:
        load_or_create(path)
    assert "SECRETSECRET" not in "".join(traceback.format_exception(caught.value))
    assert path.read_bytes() == content


def test_keys_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    content = {"public": NodeKey.generate().public, "private": NodeKey.generate().private}
    write_secret(tmp_path / "node.key", json.dumps(content).encode())
    with pytest.raises(SecretFileError, match="do not belong together"):
        load(tmp_path / "node.key")
