"""Where a request comes from, as far as that can be believed.

`X-Forwarded-For` is whatever the sender wrote, with what each proxy added at its end.
It counts only as far as proxies of TRUSTED_PROXIES have passed it on.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

type Address = IPv4Address | IPv6Address


def address_of(request: HttpRequest) -> str:
    """The visitor's address; blank where the web server knows none."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return visitor(request.META.get("REMOTE_ADDR", ""), forwarded)


def visitor(peer: str, forwarded: str) -> str:
    """The last address on the way here that is not one of our proxies.

    `peer` is at the other end of the connection; blank: a program behind a unix socket,
    which is a proxy of ours if there are any. `forwarded`: the header, blank for none.
    """
    found = _parse(peer)
    if found is None and (peer or not settings.TRUSTED_PROXIES):
        return peer
    for hop in reversed(forwarded.split(",")):
        said = _parse(hop)
        if said is None or not (found is None or _is_ours(found)):
            break
        found = said
    return str(found or "")


def neighbourhood(address: str) -> str:
    """What is counted as one visitor: an IPv4 address, or the /64 that a home is given."""
    found = _parse(address)
    if found is None or found.version == 4:
        return str(found or address)
    return str(ip_network((found, 64), strict=False))


def _is_ours(address: Address) -> bool:
    return any(address in ip_network(block) for block in settings.TRUSTED_PROXIES)


def _parse(text: str) -> Address | None:
    """`text` as an address; IPv4 in IPv6's clothes, or with a port, as plain IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
