"""Calls through the guard, and names that resolve as a test says."""

import asyncio
import socket
from ipaddress import ip_address

from core.network import GuardedClient


def resolver_of(*answers):
    """A resolver that gives these lists of addresses one after the other."""
    left = list(answers)

    async def resolve(host, port):
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer is None:
            raise socket.gaierror
        return [ip_address(text) for text in answer]

    return resolve


def get(url, **kwargs):
    async def send():
        async with GuardedClient() as client:
            return await client.get(url, **kwargs)

    return asyncio.run(send())
