"""Django's admin with our own site in it.

Not in forllm/apps.py: there Django's AdminConfig would be a second default.
"""

from django.contrib.admin.apps import AdminConfig


class ForllmAdminConfig(AdminConfig):
    default_site = "accounts.admin_site.AdminSite"
