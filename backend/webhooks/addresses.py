"""Addresses of webhooks: never in a network of ours (server-side request forgery)."""

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from urllib.parse import urlsplit

from backend.webhooks.errors import WebhookAddressRefused, WebhookHostUnknown, WebhookUrlRefused

HTTPS_PORT = 443
# All that is given out; what lies outside (fec0::/10, for one) is no internet address.
GIVEN_OUT = IPv6Network("2000::/3")
# In these an IPv4 address is written, which a translator on the way may take for the target.
_NETS = "::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32"
CARRY_IPV4 = [IPv6Network(net) for net in _NETS.split()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An address that was checked; connect to its ``ip`` without another look-up."""

    tls: bool
    host: str
    port: int
    path: str  # with the query
    ip: str


def checked(url: str, *, allowed: Collection[str] = ()) -> Target:
    """Resolve ``url`` once. Returns where to connect.

    ``allowed`` are pairs ``host:port`` that may be anything, http too: receivers in tests. Raises
    WebhookUrlRefused, WebhookHostUnknown, WebhookAddressRefused.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise WebhookUrlRefused from None
    # What urlsplit drops or keeps in silence would end up in a request line.
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>')
    if not is_plain or not host or "@" in parts.netloc or parts.fragment:
        raise WebhookUrlRefused
    trusted = f"{host}:{port}" in allowed
    is_usual = (parts.scheme, port) == ("https", HTTPS_PORT)
    if not is_usual and not (trusted and parts.scheme in ("http", "https")):
        raise WebhookUrlRefused
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise WebhookHostUnknown from None
    found = [str(info[4][0]) for info in infos]
    # One bad address among good ones is a trick or a mistake: either way none is used.
    if not trusted and not all(is_public(ip) for ip in found):
        raise WebhookAddressRefused
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(tls=parts.scheme == "https", host=host, port=port, path=path, ip=found[0])


def is_public(ip: str) -> bool:
    """Tell whether ``ip`` is a public address of the internet."""
    address = ip_address(ip)
    if address.version == 6 and (
        address not in GIVEN_OUT or any(address in net for net in CARRY_IPV4)
    ):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_link_local or address.is_private
    )
