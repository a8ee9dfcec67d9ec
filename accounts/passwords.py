"""What a password must be."""

from typing import Any

from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError


class PasswordRules:
    """Django's rules, with one sentence for all of them beside the field."""

    def __init__(self) -> None:
        self._rules: list[Any] = [
            MinimumLengthValidator(),
            CommonPasswordValidator(),
            UserAttributeSimilarityValidator(("email", "display_name")),
        ]

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError with every rule that `password` breaks."""
        errors = []
        for rule in self._rules:
            try:
                rule.validate(password, user)
            except ValidationError as error:
                errors.append(error)
        if errors:
            raise ValidationError(errors)

    def get_help_text(self) -> str:
        return (
            "At least 8 characters; not a common password, and not like your address."
        )
