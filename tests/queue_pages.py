"""The queue's pages as different people see them."""

from django.test import Client

LIST = "/queue/"


def as_(member) -> Client:
    client = Client()
    if member is not None:
        client.force_login(member)
    return client


def page(client: Client, address: str = LIST, *, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()
