"""Personas brought in and taken out through the pages."""

import json
import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from personas.models import Persona
from personas.tests.cards import texts_in

IMPORT = "/personas/import/"


def send(client: Client, content: bytes, name: str = "persona.json", **fields: str):
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, content), **fields})


def bring(client: Client, content: bytes) -> Persona:
    """Import the file; the persona that came of it."""
    answer = send(client, content)
    assert answer.status_code == 302, re.findall("<ul class=.errorlist.*", answer.text)
    return Persona.objects.get(slug=answer["Location"].split("/")[2])


def take(client: Client, persona: Persona, form: str) -> Any:
    answer = client.get(f"/personas/{persona.slug}/export/{form}/")
    assert answer.status_code == 200
    return answer.content if form == "png" else json.loads(answer.content)


def exact(value: Any) -> str:
    """Equal for equal values only: 1, 1.0 and true differ; the order of keys does not."""
    return json.dumps(value, sort_keys=True)


def parsed(file: bytes) -> Any:
    if file.startswith(b"\x89PNG"):
        return next(iter(texts_in(file).values()))
    return json.loads(file.decode("utf-8-sig"))
