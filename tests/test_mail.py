"""Mail on a site that has no mail server."""

import pytest
from django.core.mail import EmailMessage

from forllm.environment import Environment

VALUES = {
    "handle": "dora",
    "email": f"{'dora' * 12}@example.com",
    "password1": "a long enough one",
    "password2": "a long enough one",
}


@pytest.fixture(autouse=True)
def _console(settings):
    mailer = Environment(settings.BASE_DIR).mail("NO_SUCH_NAME", "consolemail://")
    settings.MAILERS = {"default": mailer}


@pytest.mark.django_db
def test_links_in_printed_mail_are_whole(client, settings, capsys):
    client.post("/accounts/signup/", VALUES)

    printed = capsys.readouterr().out
    lines = printed.splitlines()
    link = next(line for line in lines if line.startswith(settings.SITE_URL))
    assert client.get(link).status_code == 200
    assert lines[0].endswith(
        f"{VALUES['email']}: FORLLM: Please confirm your email address"
    )
    assert "quoted-printable" not in printed


def test_printed_mail_shows_letters_as_they_are(capsys):
    line = f"Grüße, {'ein langer Satz ' * 20}https://forum.example/a?b=c"

    EmailMessage("Größe", line, "a@example.com", ["b@example.com"]).send()

    assert f"Mail to b@example.com: Größe\n\n{line}\n" in capsys.readouterr().out
