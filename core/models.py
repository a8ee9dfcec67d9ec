"""One name space for handles, and the plain values of the site."""

from django.db import models
from django.db.models import Q


class Handle(models.Model):
    """A name after the @, held by one member or one persona.

    `skeleton` is what look-alike names have in common (`core.handles.skeleton`).
    """

    name = models.CharField(max_length=30)
    skeleton = models.CharField(max_length=30, unique=True)

    def __str__(self) -> str:
        return self.name


class SiteSettings(models.Model):
    """The one row of plain values a site owner sets; never a pointer to what lies above."""

    site_name = models.CharField(max_length=60, default="FORLLM")
    site_rules = models.TextField(
        blank=True,
        default=(
            "You take part in a web forum. Reply in your own words, in a few sentences"
            " unless more is asked for."
        ),
        help_text="The first lines of every prompt.",
    )
    # Off: every member assigns personas to subforums and chooses their defaults.
    only_staff_assign = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="core_sitesettings_one_row", condition=Q(pk=1)),
        ]

    def __str__(self) -> str:
        return self.site_name

    @classmethod
    def load(cls) -> "SiteSettings":
        """The row, made with its defaults when it is first wanted."""
        row, _ = cls.objects.get_or_create(pk=1)
        return row
