"""A certificate authority in a directory: key, certificate, index of what it issued, revocation list.

```
DIR/ca.crt  ca.key  crl.pem  index.json
DIR/nodes/NAME.crt  NAME.key       DIR/clients/NAME.crt  NAME.key
```

The index is written before what it tells of: a certificate that exists can always be found and revoked, and a
revocation list never repeats the number of another one, however a command ended.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
from cryptography import x509

from lamina.kernel.crypto import certificate_index, durable_file
from lamina.kernel.crypto.certificate import (
    Kind,
    Request,
    Signer,
    certificate_pem,
    host_text,
    key_pem,
    new_key,
    read_signer,
    serial_text,
)
from lamina.kernel.crypto.certificate_index import Index, Issued
from lamina.kernel.crypto.secret_file import create_secret, read_secret, write_secret
from lamina.kernel.errors import ConfigurationError, LaminaError

CRL_DAYS = 30
CERTIFICATE_BYTES_MAX = 1 << 20
PUBLIC_MODE = 0o644
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # the subject's common name has at most 64 characters
_FOLDERS = {Kind.NODE: "nodes", Kind.CLIENT: "clients"}


class AuthorityUnusable(ConfigurationError):
    """The directory holds no certificate authority, or one that cannot be used."""

    code = "authority_unusable"

    def default_hint(self) -> str:
        """Say how to make one."""
        return "Give the directory of an authority, or make one: lamina certs ca DIR"


class CertificateExists(LaminaError):
    """A file of that name exists already; it is never overwritten."""

    code = "certificate_exists"
    exit_code = 4


class CertificateNotFound(LaminaError):
    """The authority issued no such certificate, or more than one."""

    code = "certificate_not_found"
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate and its key were put."""

    certificate: Path
    key: Path


class Authority:
    """An authority that was opened; nobody else changes it meanwhile."""

    def __init__(self, directory: Path, signer: Signer, index: Index) -> None:
        """Use `opened`; this only keeps what was read."""
        self._directory = directory
        self._signer = signer
        self._index = index

    @classmethod
    def create(cls, directory: Path, *, name: str, organization: str, days: int) -> Self:
        """Make an authority and its first, empty revocation list.

        Args:
            directory: made (0700) when missing.
            name: the subject's common name.
            organization: the subject's organization, and that of every certificate it will issue.
            days: how long it is valid.

        Raises:
            CertificateExists: there is one already, or a part of one.
            ConfigurationError: the directory cannot be made or written.
        """
        _make_directory(directory)
        with _locked(directory):
            for file in (_certificate(directory), _key(directory), _index(directory)):
                if file.exists():
                    raise CertificateExists(f"{file} exists already", hint="Choose an empty directory")
            signer = Signer.generate(name, organization, days, datetime.now(UTC))
            authority = cls(directory, signer, Index())
            _create_key(_key(directory), key_pem(signer.key))
            authority.list_revoked(CRL_DAYS)
            # Last: an authority without a certificate is none, so whatever has one is whole.
            _create_public(_certificate(directory), certificate_pem(signer.certificate))
            return authority

    @classmethod
    @contextlib.contextmanager
    def opened(cls, directory: Path) -> Generator[Self]:
        """The authority of a directory, to be used by this command alone until it is closed.

        Raises:
            AuthorityUnusable: there is none, or one of its files is damaged.
            SecretFileError: the key is missing, or other accounts can read it.
        """
        with _locked(directory):
            if not _certificate(directory).is_file():
                raise AuthorityUnusable(f"{directory} holds no certificate authority")
            key = read_secret(_key(directory))
            try:
                signer = read_signer(_read_public(_certificate(directory)), key)
            except ValueError as error:
                raise AuthorityUnusable(
                    f"The authority in {directory} cannot be used: {error}",
                    hint="Restore ca.crt and ca.key from a backup",
                ) from error
            yield cls(directory, signer, read_index(directory))

    def issue(self, request: Request) -> Files:
        """Make a key and its certificate.

        Raises:
            CertificateExists: the name has files here already.
            ConfigurationError: the name cannot be used, or the certificate would outlive the authority.
        """
        check_name(request.name)
        folder = self._directory / _FOLDERS[request.kind]
        files = Files(folder / f"{request.name}.crt", folder / f"{request.name}.key")
        for file in (files.certificate, files.key):
            if file.exists():
                raise CertificateExists(
                    f"{file} exists already",
                    hint=f"Move it and its companion out of {folder}, or choose a new name",
                )
        key = new_key()
        certificate = self._signer.certify(request, key.public_key(), datetime.now(UTC))
        _make_directory(folder)
        self._keep(self._index.with_issued(_entry(request, certificate)))
        _create_key(files.key, key_pem(key))
        _create_public(files.certificate, certificate_pem(certificate))
        return files

    def revoke(self, text: str) -> Issued:
        """Trust a certificate no longer; it stands in every revocation list from the next on.

        Args:
            text: its name, or its serial where several bear the name.

        Raises:
            CertificateNotFound: none is meant, or one of several that are still in use.
        """
        now = datetime.now(UTC)
        found = self._index.find(text)
        usable = [each for each in found if each.revoked_at is None]
        if len(usable) != 1:
            raise _not_one(text, found, usable)
        self._keep(self._index.with_revoked(usable[0].serial, now))
        return usable[0]

    def list_revoked(self, days: int) -> Path:
        """Write the next revocation list.

        Args:
            days: until when the one after it is out.

        Returns:
            Its file.
        """
        self._keep(self._index.with_next_list())
        revoked = self._signer.revoke(self._index.revoked(), self._index.crl_number, days, datetime.now(UTC))
        path = self._directory / "crl.pem"
        with _written(path):
            durable_file.replace(path, certificate_pem(revoked), PUBLIC_MODE)
        return path

    def _keep(self, index: Index) -> None:
        write_secret(_index(self._directory), certificate_index.encode(index))
        self._index = index


def read_index(directory: Path) -> Index:
    """What an authority has issued; its key is not needed.

    Raises:
        AuthorityUnusable: there is none, or its index is damaged.
    """
    path = _index(directory)
    try:
        return certificate_index.decode(path.read_bytes())
    except OSError as error:
        raise AuthorityUnusable(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise AuthorityUnusable(
            f"{path} is not an index of certificates: {error}", hint="Restore it from a backup"
        ) from error


def check_name(name: str) -> None:
    """Hold a name to what file names and subjects can bear.

    Raises:
        ConfigurationError: it cannot be used.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a certificate",
            hint="Use up to 64 letters, digits and . _ @ - and begin with a letter or digit",
        )


def _entry(request: Request, certificate: x509.Certificate) -> Issued:
    return Issued(
        serial=serial_text(certificate.serial_number),
        kind="node" if request.kind is Kind.NODE else "client",
        name=request.name,
        hosts=tuple(host_text(each) for each in request.hosts),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _not_one(text: str, found: list[Issued], usable: list[Issued]) -> CertificateNotFound:
    if usable:
        return CertificateNotFound(
            f"{len(usable)} certificates bear the name {text}",
            hint=f"Give one serial of: {', '.join(f'{each.serial} ({each.kind})' for each in usable)}",
        )
    if found:
        return CertificateNotFound(
            f"{text} is revoked already", hint="To write the revocation list again: lamina certs crl DIR"
        )
    return CertificateNotFound(f"There is no certificate {text}", hint="Run: lamina certs list DIR")


def _certificate(directory: Path) -> Path:
    return directory / "ca.crt"


def _key(directory: Path) -> Path:
    return directory / "ca.key"


def _index(directory: Path) -> Path:
    return directory / "index.json"


def _make_directory(directory: Path) -> None:
    with _written(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextlib.contextmanager
def _locked(directory: Path) -> Generator[None]:
    """Wait for whoever works in the directory, and keep others out; the kernel ends it with the process."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise AuthorityUnusable(f"{directory} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create_key(path: Path, content: bytes) -> None:
    if not create_secret(path, content):
        raise CertificateExists(f"{path} exists already", hint="Choose another name")


def _create_public(path: Path, content: bytes) -> None:
    with _written(path):
        if not durable_file.create(path, content, PUBLIC_MODE):
            raise CertificateExists(f"{path} exists already", hint="Choose another name")


def _read_public(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(CERTIFICATE_BYTES_MAX)
    except OSError as error:
        raise AuthorityUnusable(f"{path} cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def _written(path: Path) -> Generator[None]:
    """Say what could not be written and what to do about it."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}",
            hint=f"Make {path.parent} a directory that this account may write",
        ) from error
