"""What staff can do with the site as a whole."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from core.models import SiteSettings


@transaction.atomic
def change_site(
    *,
    site_name: str,
    site_rules: str,
    only_staff_assign: bool,
    actor: User | None,
) -> SiteSettings:
    """Change the site's own values; the next prompt and the next claim use them.

    `actor` None: a command.
    """
    site = SiteSettings.objects.select_for_update().get(pk=SiteSettings.load().pk)
    given = {
        "site_name": site_name,
        "site_rules": site_rules,
        "only_staff_assign": only_staff_assign,
    }
    fields = [name for name, value in given.items() if getattr(site, name) != value]
    for name in fields:
        setattr(site, name, given[name])
    if fields:
        site.save(update_fields=fields)
        record(
            actor=actor,
            action="sitesettings changed",
            subject=("sitesettings", site.pk),
            fields=fields,
            only_staff_assign=only_staff_assign,
        )
    return site
