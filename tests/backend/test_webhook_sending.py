"""Webhooks on the wire: who may be sent to, how it is signed, what counts as an answer."""

import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from backend.webhooks import sending, signing
from backend.webhooks.addresses import Target, checked, is_public
from backend.webhooks.errors import WebhookAddressRefused, WebhookHostUnknown, WebhookUrlRefused
from tests.standins.webhook_receiver import Receiver

HOSTILE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]",  # noqa: S104
    "[fc00::1]", "[ff02::1]", "[ff0e::1]", "[::ffff:8.8.8.8]", "[::8.8.8.8]", "[2002:a00:1::]",
    "[64:ff9b::a00:1]", "[64:ff9b:1::1]", "[2001:0:a00::1]", "[fec0::1]", "2130706433", "0x7f.1",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE)
def test_an_address_inside_a_network_is_refused(host):
    with pytest.raises(WebhookAddressRefused):
        checked(f"https://{host}/hook")


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("http://8.8.8.8/", WebhookUrlRefused),
        ("https://8.8.8.8:8443/", WebhookUrlRefused),
        ("https://me:secret@8.8.8.8/", WebhookUrlRefused),
        ("https://8.8.8.8/#part", WebhookUrlRefused),
        ("https://8.8.8.8/a b", WebhookUrlRefused),
        ("https://8.8.8.8/\r\nX: y", WebhookUrlRefused),
        ("https://8.8.8.8:port/", WebhookUrlRefused),
        ("ftp://8.8.8.8/", WebhookUrlRefused),
        ("https://", WebhookUrlRefused),
        ("nothing", WebhookUrlRefused),
        ("https://nobody.invalid/", WebhookHostUnknown),
    ],
)
def test_an_url_that_is_no_receivers_is_refused(url, refusal):
    with pytest.raises(refusal):
        checked(url)


@pytest.mark.parametrize("ip", ["8.8.8.8", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_not_refused(ip):
    assert is_public(ip)


def test_the_target_is_the_very_address_that_was_checked():
    target = checked("https://8.8.8.8/hook?a=1")

    assert (target.ip, target.port, target.path, target.tls) == ("8.8.8.8", 443, "/hook?a=1", True)


def test_a_signature_is_what_the_specification_says():
    """The example of the Standard Webhooks libraries."""
    headers = signing.headers(
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=datetime.fromtimestamp(1614265330, UTC),
        body='{"test": 2432232314}',
        secrets_in_use=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_verifies_with_the_package_and_no_changed_byte_passes():
    secret, body = signing.new_secret(), '{"type":"ping","data":{"商户":"茶馆"}}'
    headers = signing.headers(
        message_id="m1", sent_at=datetime.now(UTC), body=body, secrets_in_use=[secret]
    )

    assert Webhook(secret).verify(body.encode(), headers) == json.loads(body)
    for changed in (body.encode() + b" ", b"{}"):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.encode(), headers | {"webhook-id": "m2"})


def test_a_signature_of_ten_minutes_ago_is_not_believed():
    secret = signing.new_secret()
    sent_at = datetime.now(UTC) - timedelta(minutes=10)
    headers = signing.headers(message_id="m1", sent_at=sent_at, body="{}", secrets_in_use=[secret])

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(b"{}", headers)


@pytest.fixture
def receiver():
    receiver = Receiver(secret=signing.new_secret())
    yield receiver
    receiver.stop()


def send(receiver, *, secrets, seconds=10.0):
    now = datetime.now(UTC)
    signed = signing.headers(message_id="m1", sent_at=now, body="{}", secrets_in_use=secrets)
    scheme = "https" if isinstance(receiver.socket, ssl.SSLSocket) else "http"
    target = checked(f"{scheme}://{receiver.name}/hook", allowed=[receiver.name])
    return sending.post(target=target, headers=signed, body=b"{}", seconds=seconds)


def test_while_a_secret_is_replaced_whoever_knows_either_can_verify(receiver):
    assert send(receiver, secrets=[signing.new_secret(), receiver.secret]) == 204
    assert send(receiver, secrets=[signing.new_secret()]) == 204

    assert [right for _, _, right in receiver.journal] == [True, False]


@pytest.mark.parametrize("status", [200, 302, 500])
def test_a_status_is_handed_back_and_no_redirect_followed(receiver, status):
    receiver.answers = [status]

    assert send(receiver, secrets=[receiver.secret]) == status
    assert len(receiver.journal) == 1


@pytest.mark.parametrize("answer", ["cut", "garbage", "silent"])
def test_what_is_no_answer_is_told_so(receiver, answer):
    receiver.answers = [answer]

    with pytest.raises(sending.NoAnswer):
        send(receiver, secrets=[receiver.secret], seconds=0.3)


def test_who_drips_a_status_is_given_up_in_time(receiver):
    """A status that comes byte by byte ends only by a time limit for all of it."""
    receiver.answers = ["status drips"]
    began = time.monotonic()

    with pytest.raises(sending.NoAnswer, match="TimeoutError"):
        send(receiver, secrets=[receiver.secret], seconds=0.5)

    assert time.monotonic() - began < 10  # 1024 bytes would take twice as long


@pytest.mark.parametrize("answer", ["headers drip", "body drips"])
def test_for_what_comes_after_the_status_nobody_waits(receiver, answer):
    receiver.answers = [answer]

    assert send(receiver, secrets=[receiver.secret], seconds=10.0) == 200


def test_who_drips_a_handshake_is_given_up_in_time():
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            connection, _ = listening.accept()
            try:
                connection.sendall(b"\x16\x03\x03\x40\x00")  # a handshake of 16,384 bytes
                while True:
                    connection.sendall(b"\x02")
                    hung_up.wait(0.02)
            except OSError:
                connection.close()

        threading.Thread(target=drip, daemon=True).start()
        ip, port = listening.getsockname()
        target = Target(tls=True, host=ip, port=port, path="/", ip=ip)
        began = time.monotonic()

        with pytest.raises(sending.NoAnswer):
            sending.post(target=target, headers={}, body=b"{}", seconds=0.5)

        assert time.monotonic() - began < 10


@pytest.fixture
def certificate(tmp_path):
    """For 127.0.0.1, signed by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "receiver.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_who_can_not_prove_who_they_are_is_told_nothing(certificate, monkeypatch):
    receiver = Receiver(secret=signing.new_secret(), certificate=certificate)
    try:
        with pytest.raises(sending.NoAnswer, match="SSLCertVerificationError"):
            send(receiver, secrets=[signing.new_secret()])
        assert receiver.journal == []

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # and it was that alone
        assert send(receiver, secrets=[signing.new_secret()]) == 204
    finally:
        receiver.stop()
