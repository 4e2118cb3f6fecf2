"""The address that a request comes from, for whatever counts by it."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

HOME_PREFIX = 64  # bits of an IPv6 address; whoever has one has the 2^64 that share them
NOWHERE = "0.0.0.0"  # noqa: S104  # a socket that is no network's, and no proxy that tells


def client_ip(request: HttpRequest) -> str:
    """Return the client's address, as told by the outermost of our ``TRUSTED_PROXIES``.

    Whatever stands before that in X-Forwarded-For was written by the client and is ignored.
    """
    told = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.TRUSTED_PROXIES and forwarded:
        addresses = forwarded.split(",")
        told = addresses[-min(settings.TRUSTED_PROXIES, len(addresses))]
    try:
        address = ip_address(told.strip().strip("[]"))
    except ValueError:
        return NOWHERE
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def counted_as(request: HttpRequest) -> str:
    """Return the client's address, or of an IPv6 address the network that one household has."""
    address = ip_address(client_ip(request))
    if isinstance(address, IPv6Address):
        return str(ip_network((address, HOME_PREFIX), strict=False).network_address)
    return str(address)
