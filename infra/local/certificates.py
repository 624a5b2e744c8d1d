"""One certificate for every name that the local cloud answers to, made anew at each start.

Whoever is to trust it is told where it lies; verification is never switched off. The names are
Azure's own, which nobody outside of the local cloud's proxy is led to.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK: Final = "127.0.0.1"
LIFETIME: Final = timedelta(days=1)
CLOCK_SKEW: Final = timedelta(minutes=5)
NAMES: Final = (
    "*.blob.core.windows.net",
    "*.queue.core.windows.net",
    "*.table.core.windows.net",
    "*.vault.azure.net",
    "*.azurewebsites.net",
    "*.scm.azurewebsites.net",
)


@dataclass(frozen=True)
class Certificate:
    """Files of the certificate, for everybody to trust, and of its private key, for its servers."""

    public: Path
    private: Path


def make_certificate(folder: Path) -> Certificate:
    """Make a self-signed certificate for Azure's names and this machine's loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Consentry local cloud")])
    now = datetime.now(UTC)
    addresses = [x509.DNSName(dns) for dns in NAMES]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([*addresses, x509.IPAddress(IPv4Address(LOOPBACK))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "local-cloud.pem", folder / "local-cloud.key")
    made.public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.private.touch(mode=0o600)
    made.private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made
