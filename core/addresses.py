"""Where a request comes from, as far as that can be believed.

`X-Forwarded-For` is whatever the sender wrote, with what each proxy added at its end.
It counts only as far as proxies of TRUSTED_PROXIES have passed it on.
"""

import logging
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

type Address = IPv4Address | IPv6Address

log = logging.getLogger(__name__)

# From where this process got a header that it did not believe: a place of each kind, so
# that nobody who sends it at will fills the log.
unbelieved: dict[str, str] = {}


def address_of(request: HttpRequest) -> str:
    """The visitor's address; blank where the web server knows none."""
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded:
        _note_unbelieved(peer)
    return visitor(peer, forwarded)


def _note_unbelieved(peer: str) -> None:
    """Say once for each kind of place that its header counts for nothing.

    The likely reason is a proxy that nobody named; it may as well be anybody's joke.
    """
    address = _parse(peer)
    if _is_ours(address) if address else settings.TRUSTED_PROXIES:
        return
    kind = _kind_of_place(address)
    if kind in unbelieved:
        return
    # Of the public the address is not written down: it is a visitor's as likely.
    is_near = address is not None and not address.is_global
    unbelieved[kind] = f"{kind} ({address})" if is_near else kind
    log.warning(
        "X-Forwarded-For came from %s, which TRUSTED_PROXIES does not name, and was not"
        " believed. If that is a proxy of yours, all guests behind it share one count"
        " of pages until it is named. Anybody can send this header: without a proxy"
        " there, nothing is wrong.",
        unbelieved[kind],
    )


def _kind_of_place(address: Address | None) -> str:
    if address is None:
        return "a unix socket"
    if address.is_loopback:
        return "this machine"
    return "the public internet" if address.is_global else "a private network"


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
