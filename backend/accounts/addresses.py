"""Where a request comes from, for whoever counts by it."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

HOME_PREFIX = 64  # bits of an IPv6 address; whoever has one has the 2^64 that share them
NOWHERE = "0.0.0.0"  # noqa: S104  # a socket that is no network's, and no proxy that tells


def client_ip(request: HttpRequest) -> str:
    """The address of the client, told by the outermost of our ``TRUSTED_PROXIES``.

    What stands before that in X-Forwarded-For the client wrote, and nobody believes.
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
    """The client's address, or the network of it that one household has."""
    address = ip_address(client_ip(request))
    if isinstance(address, IPv6Address):
        return str(ip_network((address, HOME_PREFIX), strict=False).network_address)
    return str(address)
