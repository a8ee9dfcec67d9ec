"""Mail on a site without a mail server: printed, to be read by the site owner."""

from django.core.mail import EmailMessage
from django.core.mail.backends import console


class EmailBackend(console.EmailBackend):
    """Prints a mail as its reader would see it, each link whole on a line.

    Django prints what would be sent: in quoted-printable, which breaks long lines.
    """

    def write_message(self, message: EmailMessage) -> None:
        message.message()  # raises for a header that cannot be
        head = f"Mail to {', '.join(message.to)}: {message.subject}"
        self.stream.write(f"{head}\n\n{message.body}\n{'-' * 79}\n")
