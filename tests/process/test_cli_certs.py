"""`lamina certs`: the files it makes, and whether TLS believes them."""

import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.process.command import Home

TLS_TIMEOUT_S = 10.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An authority `ca` with a node and two clients, one of them revoked; and `other`, a foreign one."""
    home = Home(tmp_path_factory.mktemp("certs"))
    done(home, "ca", "ca", "--organization", "Example Ltd")
    done(home, "node", "ca", "node1", "--host", "localhost", "--host", "127.0.0.1", "--host", "::1")
    done(home, "client", "ca", "alice")
    done(home, "client", "ca", "mallory")
    done(home, "revoke", "ca", "mallory")
    done(home, "ca", "other", "--name", "Other CA")
    done(home, "client", "other", "eve")
    return home


def done(home: Home, *args: str) -> str:
    """Standard output of a command that succeeds."""
    result = home.run("certs", *args)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(home: Home, exit_code: int, *args: str) -> str:
    """Standard error of a command that is refused."""
    result = home.run("certs", *args)
    assert (result.returncode, result.stdout) == (exit_code, ""), result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def revocations(path: Path) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(path.read_bytes())


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def files_of(home: Home, kind: str, name: str, authority: str = "ca") -> tuple[Path, Path]:
    folder = home.path / authority / kind
    return folder / f"{name}.crt", folder / f"{name}.key"


def handshake(
    home: Home, client: tuple[Path, Path] | None, *, trusted: str = "ca", host: str = "localhost"
) -> str:
    """Who the server says the client is, after mutual TLS over loopback; the server checks revocations."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(home.path / "ca" / "ca.crt"))
    server.load_cert_chain(*files_of(home, "nodes", "node1"))
    server.load_verify_locations(home.path / "ca" / "crl.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF | ssl.VerifyFlags.VERIFY_X509_STRICT
    caller = ssl.create_default_context(cafile=str(home.path / trusted / "ca.crt"))
    caller.load_verify_locations(home.path / trusted / "crl.pem")
    caller.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF | ssl.VerifyFlags.VERIFY_X509_STRICT
    if client is not None:
        caller.load_cert_chain(*client)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet_one, args=(listener, server))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=TLS_TIMEOUT_S) as raw,
                caller.wrap_socket(raw, server_hostname=host) as connection,
            ):
                # With TLS 1.3 a refused client hears of it when it reads.
                return connection.recv(1000).decode()
        finally:
            thread.join()


def greet_one(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Accept one connection and tell the client its own subject."""
    raw, _ = listener.accept()
    raw.settimeout(TLS_TIMEOUT_S)
    with raw:
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                peer: Any = connection.getpeercert()
                subject = {name: value for ((name, value),) in peer["subject"]}
                connection.sendall(f"{subject['organizationalUnitName']} {subject['commonName']}".encode())
        except OSError:  # the client sees the refusal; nothing here needs to
            pass


def test_node_and_client_shake_hands(issued: Home) -> None:
    client = files_of(issued, "clients", "alice")
    assert handshake(issued, client) == "Client alice"
    assert handshake(issued, client, host="127.0.0.1") == "Client alice"


def test_a_revoked_client_is_refused(issued: Home) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)revoked"):
        handshake(issued, files_of(issued, "clients", "mallory"))


def test_a_client_of_another_authority_or_without_certificate_is_refused(issued: Home) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        handshake(issued, files_of(issued, "clients", "eve", "other"))
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        handshake(issued, None)


def test_a_node_of_another_authority_or_name_is_refused(issued: Home) -> None:
    client = files_of(issued, "clients", "alice")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)unable to get|self.signed"):
        handshake(issued, client, trusted="other")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)mismatch"):
        handshake(issued, client, host="node2")


def test_a_node_certificate_does_not_pass_for_a_client(issued: Home) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.certificate"):
        handshake(issued, files_of(issued, "nodes", "node1"))


def test_every_kind_has_its_unit_and_its_purpose(issued: Home) -> None:
    directory = issued.path / "ca"
    authority = certificate(directory / "ca.crt")
    node = certificate(directory / "nodes" / "node1.crt")
    client = certificate(directory / "clients" / "alice.crt")
    assert [each.subject.rfc4514_string() for each in (authority, node, client)] == [
        "CN=Lamina CA,OU=CA,O=Example Ltd",
        "CN=node1,OU=Node,O=Example Ltd",
        "CN=alice,OU=Client,O=Example Ltd",
    ]
    assert [purposes(node), purposes(client)] == [{"serverAuth"}, {"clientAuth"}]
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def purposes(of: x509.Certificate) -> set[str]:
    known = {
        x509.oid.ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
        x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    }
    return {known[each] for each in of.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value}


def test_openssl_agrees(issued: Home) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    directory = issued.path / "ca"

    def verify(purpose: str, path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                openssl, "verify", "-x509_strict", "-purpose", purpose, "-crl_check",
                "-CAfile", directory / "ca.crt", "-CRLfile", directory / "crl.pem", directory / path,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert verify("sslserver", "nodes/node1.crt").returncode == 0
    assert verify("sslclient", "clients/alice.crt").returncode == 0
    assert verify("sslserver", "clients/alice.crt").returncode != 0
    assert "revoked" in verify("sslclient", "clients/mallory.crt").stderr


def test_keys_are_ours_alone_and_certificates_are_for_everybody(issued: Home) -> None:
    modes = {
        str(path.relative_to(issued.path)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (issued.path / "ca").rglob("*")
        if path.is_file()
    }
    keys = {name for name in modes if name.endswith(".key")}
    assert keys == {"ca/ca.key", "ca/nodes/node1.key", "ca/clients/alice.key", "ca/clients/mallory.key"}
    assert {modes[name] for name in keys | {"ca/index.json"}} == {"0o600"}
    assert {modes[name] for name in modes if name.endswith((".crt", ".pem"))} == {"0o644"}
    assert stat.S_IMODE((issued.path / "ca").stat().st_mode) == 0o700


def test_the_list_tells_what_was_issued(issued: Home) -> None:
    listed = issued.json("certs", "list", "ca", "--json")
    assert [(each["kind"], each["name"], each["state"]) for each in listed] == [
        ("node", "node1", "valid"),
        ("client", "alice", "valid"),
        ("client", "mallory", "revoked"),
    ]
    assert listed[0]["hosts"] == ["localhost", "127.0.0.1", "::1"]
    assert int(listed[0]["serial"], 16) == certificate(issued.path / "ca/nodes/node1.crt").serial_number
    table = done(issued, "list", "ca").splitlines()
    assert table[0].split() == ["serial", "kind", "name", "state", "until", "hosts"]
    assert table[3].split()[1:4] == ["client", "mallory", "revoked"]


def test_nothing_is_overwritten(home: Home) -> None:
    done(home, "ca", "ca")
    done(home, "client", "ca", "bob")
    before = {path: path.read_bytes() for path in home.path.rglob("*.*") if path.is_file()}
    assert "error[certificate_exists]" in refused(home, 4, "ca", "ca")
    assert "Move it" in refused(home, 4, "client", "ca", "bob")
    assert {path: path.read_bytes() for path in home.path.rglob("*.*") if path.is_file()} == before


def test_the_days_are_honoured_and_end_with_the_authority(home: Home) -> None:
    done(home, "ca", "ca", "--days", "30")
    done(home, "client", "ca", "bob", "--days", "7")
    left = certificate(home.path / "ca/clients/bob.crt").not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert "Give --days 29" in refused(home, 3, "client", "ca", "carol")
    assert not (home.path / "ca/clients/carol.key").exists()
    assert [each["name"] for each in home.json("certs", "list", "ca", "--json")] == ["bob"]


def test_a_renewed_name_is_revoked_by_serial(home: Home) -> None:
    done(home, "ca", "ca")
    done(home, "node", "ca", "node1", "--host", "node1.example.org", "--peer")
    (home.path / "ca/nodes").rename(home.path / "sent-to-node1")
    done(home, "node", "ca", "node1", "--host", "node1.example.org")
    first, second = home.json("certs", "list", "ca", "--json")
    assert purposes(certificate(home.path / "sent-to-node1/node1.crt")) == {"serverAuth", "clientAuth"}
    assert first["serial"] in refused(home, 4, "revoke", "ca", "node1")
    colons = ":".join(first["serial"][at : at + 2] for at in range(0, len(first["serial"]), 2)).lower()
    done(home, "revoke", "ca", colons)
    crl = revocations(home.path / "ca/crl.pem")
    assert [each.serial_number for each in crl] == [int(first["serial"], 16)]
    done(home, "revoke", "ca", "node1")  # only one is left
    assert {each.serial_number for each in revocations(home.path / "ca/crl.pem")} == {
        int(first["serial"], 16),
        int(second["serial"], 16),
    }
    assert "revoked already" in refused(home, 4, "revoke", "ca", "node1")
    assert "There is no certificate" in refused(home, 4, "revoke", "ca", "node2")


def test_every_revocation_list_has_a_higher_number(home: Home) -> None:
    done(home, "ca", "ca")
    numbers = [number(revocations(home.path / "ca/crl.pem"))]
    for _ in range(2):
        done(home, "crl", "ca", "--days", "3")
        crl = revocations(home.path / "ca/crl.pem")
        numbers.append(number(crl))
    assert numbers == [1, 2, 3]
    assert crl.next_update_utc is not None
    assert crl.next_update_utc - datetime.now(UTC) <= timedelta(days=3)
    assert crl.is_signature_valid(certificate(home.path / "ca/ca.crt").public_key())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["http://node1", "node1:443", "under_score", "1.2.3", "-a", "a..b", "ä.de", ""]
)
def test_what_is_no_host_is_refused(issued: Home, host: str) -> None:
    assert "neither a host name nor an address" in refused(issued, 3, "node", "ca", "bad", "--host", host)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "a b", "x" * 65, "nul\n"])
def test_what_cannot_be_a_file_name_is_refused(issued: Home, name: str) -> None:
    assert "cannot name a certificate" in refused(issued, 3, "client", "ca", name)


def test_a_key_that_others_can_read_is_refused(home: Home) -> None:
    done(home, "ca", "ca")
    (home.path / "ca/ca.key").chmod(0o640)
    assert "chmod 600" in refused(home, 3, "client", "ca", "bob")


def test_what_is_no_authority_is_refused_with_the_remedy(home: Home) -> None:
    (home.path / "empty").mkdir()
    assert "lamina certs ca" in refused(home, 3, "client", "empty", "bob")
    assert "lamina certs ca" in refused(home, 3, "list", "missing")
    done(home, "ca", "ca")
    done(home, "ca", "other")
    shutil.copy(home.path / "other/ca.key", home.path / "ca/ca.key")
    assert "not that of the certificate" in refused(home, 3, "client", "ca", "bob")
    (home.path / "other/index.json").write_text('{"format": 2}')
    assert "Restore it from a backup" in refused(home, 3, "client", "other", "bob")


ISSUE_FOR_EVER = """
import sys
from pathlib import Path
from lamina.kernel.crypto.authority import Authority
from lamina.kernel.crypto.certificate import Kind, Request
for number in range(100_000):
    with Authority.opened(Path(sys.argv[1])) as authority:
        authority.issue(Request(Kind.CLIENT, f"client{number}", 1))
        authority.list_revoked(1)
    print(number, flush=True)
"""


def test_a_kill_at_any_time_leaves_an_authority_that_knows_all_it_issued(home: Home) -> None:
    done(home, "ca", "ca")
    directory = home.path / "ca"
    for _ in range(5):
        folder = directory / "clients"
        if folder.exists():
            folder.rename(home.path / f"taken-{number(revocations(directory / 'crl.pem'))}")
        process = subprocess.Popen(
            [sys.executable, "-c", ISSUE_FOR_EVER, directory], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _line in range(3):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
    done(home, "crl", "ca")
    known = {each["serial"] for each in home.json("certs", "list", "ca", "--json")}
    on_disk = {f"{certificate(path).serial_number:X}" for path in home.path.rglob("client*.crt")}
    assert len(on_disk) >= 15
    assert on_disk <= {serial.lstrip("0") for serial in known}
    assert not [path for path in directory.rglob("*.crt") if not path.read_bytes().endswith(b"-----\n")]


def test_commands_at_the_same_time_wait_for_each_other(home: Home) -> None:
    done(home, "ca", "ca")
    names = [f"client{each}" for each in range(4)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: done(home, "client", "ca", name), names))
    listed = home.json("certs", "list", "ca", "--json")
    assert sorted(each["name"] for each in listed) == names
    assert len({each["serial"] for each in listed}) == len(names)
