"""A lock that any number of readers may have at once."""

from django.db import models


def read_held[T: models.Model](model: type[T], pk: int) -> T:
    """The row as it stands; nobody changes or deletes it until the transaction ends.

    Django knows only locks that one transaction can have. Raises IndexError when there
    is no such row.
    """
    query = f"SELECT * FROM {model._meta.db_table} WHERE id = %s FOR SHARE"  # noqa: S608
    return model._base_manager.raw(query, [pk])[0]
