"""A certificate for the sandbox: a certificate authority of its own, which clients are told to trust, and a leaf."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE: Final = "ca.pem"
_LEAF_FILE: Final = "server.pem"
_KEY_FILE: Final = "server.key"
_LIFETIME: Final = timedelta(days=365)
_SPARE: Final = timedelta(days=1)
_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def server_context(directory: Path, host: str) -> ssl.SSLContext:
    """Return a TLS server's context; `ca.pem` in the directory is what clients verify it with.

    What the directory holds already is used again while it is valid, so that clients survive a restart of the sandbox.
    Raises OSError if the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not _usable(directory, host):
        _create(directory, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # AppsFlyer: TLS 1.2 or higher
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(directory / _LEAF_FILE, directory / _KEY_FILE)
    return context


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for each in dict.fromkeys((*_HOSTS, host)):
        try:
            names.append(x509.IPAddress(ip_address(each)))
        except ValueError:
            names.append(x509.DNSName(each))
    return names


def _usable(directory: Path, host: str) -> bool:
    if not all((directory / name).is_file() for name in (CA_FILE, _LEAF_FILE, _KEY_FILE)):
        return False
    try:
        leaf = x509.load_pem_x509_certificate((directory / _LEAF_FILE).read_bytes())
        authority = x509.load_pem_x509_certificate((directory / CA_FILE).read_bytes())
        leaf.verify_directly_issued_by(authority)
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return datetime.now(UTC) + _SPARE < leaf.not_valid_after_utc and set(_names(host)) <= set(covered)


def _create(directory: Path, host: str) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stand-in AppsFlyer, certificate authority")])
    authority = _signed(
        _builder(ca_name, ca_name, ca_key.public_key(), ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True),
        ca_key,
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stand-in AppsFlyer")])
    leaf = _signed(
        _builder(name, ca_name, key.public_key(), ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False),
        ca_key,
    )
    # The authority's key is thrown away: nobody can make another certificate that these clients trust.
    secret = directory / _KEY_FILE
    secret.unlink(missing_ok=True)  # whatever rights it had
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (directory / _LEAF_FILE).write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (directory / CA_FILE).write_bytes(authority.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SPARE)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
