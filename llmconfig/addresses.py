"""Addresses of endpoints: what may be called, and what is said about one."""

import httpx

from core.errors import AddressDenied
from core.network import check_url, origin

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def host_and_port(address: str) -> str:
    """Host and port of `address`: all of it that is shown, and what a key is bound to.

    The port belongs to it, as on one machine each is a service of its own.
    """
    _, host, port = origin(httpx.URL(address))
    return f"{host}:{port}"


def is_loopback(address: str) -> bool:
    """Whether `address` is written as the machine that the site itself runs on."""
    return origin(httpx.URL(address))[1] in _LOOPBACK


def check_address(address: str) -> None:
    """Raise AddressDenied, naming host and port, unless `address` may be called."""
    try:
        check_url(address)
    except AddressDenied as denial:
        raise name_denied(denial, address) from None


def name_denied(denial: AddressDenied, address: str) -> AddressDenied:
    """`denial` with the line by which an operator allows this very host and port."""
    try:
        url = httpx.URL(address)
        scheme, host, port = origin(url)
    except (httpx.InvalidURL, ValueError):
        return denial
    can_be_listed = scheme in ("http", "https") and host and 0 < port < 65536
    if url.userinfo or not can_be_listed:
        return denial
    return AddressDenied(
        f"{denial.message} Whoever runs the site writes it into the file .env and starts"
        f" again. Here: LLM_PRIVATE_HOSTS={host}:{port}"
    )
