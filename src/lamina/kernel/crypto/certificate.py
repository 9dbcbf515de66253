"""X.509 certificates of a small private authority: EC P-256, SHA-256, one purpose per certificate (RFC 5280).

Everything here is a value made from values; `authority` keeps them in files.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lamina.kernel.errors import ConfigurationError

# A peer whose clock is a little behind must not find the certificate to be of the future.
BACKDATED = timedelta(minutes=5)
SUBJECT_CHARACTERS_MAX = 64
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)(\*\.)?({_LABEL}\.)*{_LABEL}")
_NUMBERS = re.compile(r"[\d.]+")


class Kind(StrEnum):
    """What a certificate is for; its title is the subject's organizational unit."""

    CA = "ca"
    NODE = "node"
    CLIENT = "client"

    @property
    def unit(self) -> str:
        """The organizational unit. Each kind has its own, as servers may tell peers from clients by it."""
        return {Kind.CA: "CA", Kind.NODE: "Node", Kind.CLIENT: "Client"}[self]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants certified.

    `days` counts from now. With `is_peer`, a node may also open connections under its certificate, as members
    of etcd do among themselves.
    """

    kind: Kind
    name: str
    days: int
    hosts: tuple[x509.GeneralName, ...] = ()
    is_peer: bool = False


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority's certificate and its key, which belong together."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, name: str, organization: str, days: int, now: datetime) -> Self:
        """A new authority that signs itself and may sign no other authority.

        Raises:
            ConfigurationError: a name is empty or longer than 64 characters, the bound of RFC 5280.
        """
        for text in (name, organization):
            if not text.strip() or not text.isprintable() or len(text) > SUBJECT_CHARACTERS_MAX:
                raise ConfigurationError(
                    f"{text[:SUBJECT_CHARACTERS_MAX]!r} cannot stand in a certificate's subject",
                    hint=f"Use 1 to {SUBJECT_CHARACTERS_MAX} printable characters",
                )
        key = new_key()
        subject = _subject(organization, Kind.CA, name)
        builder = _builder(subject, subject, key.public_key(), now, now + timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def organization(self) -> str:
        """The organization that every certificate of this authority names."""
        found = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(found[0].value) if found else ""

    def certify(self, request: Request, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.Certificate:
        """The certificate of a node or client.

        Raises:
            ConfigurationError: it would outlive the authority.
        """
        ends = now + timedelta(days=request.days)
        if ends > self.certificate.not_valid_after_utc:
            left = (self.certificate.not_valid_after_utc - now).days
            raise ConfigurationError(
                f"the certificate would outlive its authority, which ends in {left} days",
                hint=f"Give --days {left}" if left > 0 else "Make a new authority in another directory",
            )
        subject = _subject(self.organization, request.kind, request.name)
        builder = _builder(subject, self.certificate.subject, key, now, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(_purposes(request)), critical=False)
        builder = builder.add_extension(self._identifier(), critical=False)
        if request.hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(request.hosts), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoke(
        self, revoked: Iterable[tuple[int, datetime]], number: int, days: int, now: datetime
    ) -> x509.CertificateRevocationList:
        """A signed list of what is no longer to be trusted.

        Args:
            revoked: serial and time of each revocation.
            number: larger than that of every list before.
            days: until when the next list is out; verifiers refuse everybody once it has passed.
            now: when this list is made.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - BACKDATED)
            .next_update(now + timedelta(days=days))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        for serial, when in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256())

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as unencrypted PKCS#8 PEM, which every TLS library reads."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """A certificate or revocation list as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def read_signer(certificate: bytes, key: bytes) -> Signer:
    """An authority from its two PEM files.

    Raises:
        ValueError: they cannot be read, are no authority's, or do not belong together; nothing of the key is
            in the text.
    """
    loaded = x509.load_pem_x509_certificate(certificate)
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:  # TypeError: the key has a passphrase
        raise ValueError("the key cannot be read") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != loaded.public_key():
        raise ValueError("the key is not that of the certificate")
    try:
        loaded.verify_directly_issued_by(loaded)
        is_authority = loaded.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (InvalidSignature, x509.ExtensionNotFound):
        is_authority = False
    if not is_authority:
        raise ValueError("the certificate is not that of an authority")
    return Signer(loaded, private)


def read_host(text: str) -> x509.GeneralName:
    """A host name or address as clients will ask for it.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        return x509.IPAddress(ip_address(text.strip("[]")))
    except ValueError:
        name = text.lower().removesuffix(".")
    if not _HOST.fullmatch(name) or _NUMBERS.fullmatch(name):
        raise ConfigurationError(
            f"{text!r} is neither a host name nor an address",
            hint="Write it as node1.example.org or 10.0.0.1, without scheme or port; other scripts as xn--…",
        )
    return x509.DNSName(name)


def host_text(host: x509.GeneralName) -> str:
    """A host as it was asked for."""
    return str(host.value)


def serial_text(serial: int) -> str:
    """A serial number as openssl prints it: upper-case hexadecimal digits, an even number of them."""
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def _subject(organization: str, kind: Kind, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, kind.unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """An authority signs certificates and lists; everybody else signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(request: Request) -> Sequence[x509.ObjectIdentifier]:
    if request.kind is Kind.CLIENT:
        return [ExtendedKeyUsageOID.CLIENT_AUTH]
    if request.is_peer:
        return [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return [ExtendedKeyUsageOID.SERVER_AUTH]
