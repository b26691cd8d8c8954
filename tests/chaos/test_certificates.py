"""TLS: a certificate that is not to be trusted, or has expired, stops deliveries until it is replaced."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.appsflyer.sandbox import app as sandbox_app
from tests.chaos.world import World
from tests.fixtures.stream import Identity

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]


def _self_signed(directory: Path, days_left: int) -> Path:
    """Write a certificate of its own authority for 127.0.0.1, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another endpoint")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days_left))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"certificate-{days_left}.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.mark.parametrize("fault", ["untrusted", "expired"])
def test_a_wrong_certificate_that_is_replaced(
    world: World, adds_up: Identity, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """While the certificate is wrong nothing is sent and nothing given up; with a right one all goes out by itself."""
    directory = world.stream.directory
    wrong = _self_signed(directory, 300 if fault == "untrusted" else -1)
    right = _self_signed(directory, 200)
    handed_out = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    handed_out.load_cert_chain(wrong)
    monkeypatch.setattr(sandbox_app, "server_context", lambda _directory, _host: handed_out)
    world.endpoint()
    trusted = directory / "trusted.pem"
    trusted.write_bytes(right.read_bytes() + (wrong.read_bytes() if fault == "expired" else b""))
    world.configure(ca_file=trusted)
    world.produce(1500)
    run = world.start()
    world.await_log("nothing gets through", run)
    assert world.sandbox.summary()["requests"] == 0, "something was sent to an endpoint that is not to be trusted"
    handed_out.load_cert_chain(right)
    world.await_accepted(world.wanted(), run)
    assert run.stop() == 0, run.log
    adds_up(run.summary)
    assert run.summary["syncs"]["chaos"]["pending"] == 0
    world.conclude(fired=1, note=fault)
