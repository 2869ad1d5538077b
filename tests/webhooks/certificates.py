"""Certificates as tests need them: good, expired, for another name, signed by themselves."""

import ipaddress
import ssl
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority of one test; `root` is the file that trusts it."""

    def __init__(self, directory: Path, name: str = "") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        # Two authorities of one name would be taken for each other.
        self._name = _named(name or f"Test Authority {uuid.uuid4().hex[:8]}")
        certificate = (
            _builder(self._name, self._name, self._key, datetime.now(UTC), days=10)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.root = directory / "root.pem"
        self.root.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        host: str,
        *,
        addresses: Sequence[str] = (),
        starts_at: datetime | None = None,
        days: int = 5,
        is_self_signed: bool = False,
    ) -> Path:
        """Return a file with key and certificate for a host name."""
        key = ec.generate_private_key(ec.SECP256R1())
        starts_at = starts_at or datetime.now(UTC) - timedelta(hours=1)
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        names += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        issuer = _named(host) if is_self_signed else self._name
        certificate = (
            _builder(_named(host), issuer, key, starts_at, days=days)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key if is_self_signed else self._key, hashes.SHA256())
        )
        file = self._directory / f"{host}-{certificate.serial_number}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file


def server_context(file: Path) -> ssl.SSLContext:
    """Return the context of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    starts_at: datetime,
    *,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts_at)
        .not_valid_after(starts_at + timedelta(days=days))
    )
