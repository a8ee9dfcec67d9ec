"""Personas: who they are to others; `rights` says who may meet and shape them."""

from collections.abc import Collection, Iterable
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Concat, Lower
from django.urls import reverse
from django.utils.functional import cached_property

from accounts.models import User
from core.errors import NotAllowed
from core.handles import skeleton
from core.models import Handle
from llmconfig.models import LLMConfig
from personas.models.owners import OwnerRole, PersonaOwner
from personas.models.rights import RightsQuerySet, Visibility, is_of, keys_owned_by


class PersonaQuerySet(RightsQuerySet):
    """Questions about many personas, beside who may do what with them."""

    def begun_by(self, user: User) -> Self:
        """Personas that the user began, still owns, and that were never published.

        What others began counts for them: anybody may make anybody an owner of theirs.
        """
        own = keys_owned_by(user, role=OwnerRole.OWNER)
        begun = self.filter(created_by=user, is_active=True, current_version=None)
        return begun.filter(pk__in=own)

    def with_place(self, user: object) -> Self:
        """Personas with their `place` in the catalogue: those of `user`, then by name.

        `is_others`: they are not of `user`.
        """
        is_others = ExpressionWrapper(~is_of(user), output_field=BooleanField())
        group = Case(When(is_others=True, then=Value("2")), default=Value("1"))
        known = self.annotate(is_others=is_others)
        return known.annotate(place=Concat(group, Lower("name")))

    def of(self, user: object) -> Self:
        """Those that `user` owns or edits."""
        return self.filter(is_of(user))

    def builtin(self, is_builtin: bool = True) -> Self:
        """Those that came with the site; or those that members made."""
        return self.filter(is_builtin=is_builtin)

    def matching(self, text: str, *, called_so: models.QuerySet[Any, Any]) -> Self:
        """Those in whose name, handle, role or tags `text` stands.

        `called_so`: the keys of personas that an alias makes match.
        """
        words = Q(name__icontains=text) | Q(current_version__role__icontains=text)
        names = Q(handle__name__icontains=text.removeprefix("@"))
        return self.filter(
            words | names | Q(tags__icontains=text) | Q(pk__in=called_so)
        )

    def tagged(self, tag: str) -> Self:
        """Those with this tag, as it is written."""
        return self.filter(tags__contains=[tag])

    def most_used_tags(self, most: int) -> list[str]:
        """The tags of these personas, the most frequent first; one query."""
        tags = self.order_by().annotate(tag=Func(F("tags"), function="unnest"))
        counted = tags.values("tag").annotate(uses=Count("pk"))
        return [row["tag"] for row in counted.order_by("-uses", "tag")[:most]]

    def owned_by(self, user: User) -> Self:
        """Personas in whose list of owners and editors `user` stands, with their part.

        `own_role` is that part; `has_draft`: they are writing the next version.
        """
        own = PersonaOwner.objects.filter(persona=OuterRef("pk"), user=user)
        drafted = Persona.objects.filter(pk=OuterRef("pk"), drafts__editor=user)
        return self.filter(is_active=True, pk__in=keys_owned_by(user)).annotate(
            own_role=Subquery(own.values("role")),
            has_draft=Exists(drafted),
        )

    def ownerless(self) -> Self:
        """Personas that are not deleted and that nobody owns."""
        owners = PersonaOwner.objects.filter(role=OwnerRole.OWNER)
        return self.filter(is_active=True).exclude(pk__in=owners.values("persona"))

    def named_like(self, words: str) -> Self:
        """Personas with `words` in their name, or a handle that begins so."""
        words = words.strip().removeprefix("@")
        in_name = Q(name__icontains=words)
        return self.filter(in_name | Q(handle__name__istartswith=words))

    def with_owners(self) -> Self:
        """Personas with the handles of their owners (not their editors) as `owner_names`."""
        owners = PersonaOwner.objects.filter(
            persona=OuterRef("pk"), role=OwnerRole.OWNER
        ).order_by("pk")
        names = ArraySubquery(owners.values("user__handle__name"))
        return self.annotate(owner_names=names)

    def among(self, wanted: Iterable[int]) -> Self:
        """The personas with these ids, and those that answer when no one is asked."""
        return self.filter(
            Q(pk__in=list(wanted)) | Q(is_global_default=True) | Q(is_fallback=True)
        )

    def answering_unasked(self) -> "Persona | None":
        """Who answers where a place has no default: the site's, else the built-in one."""
        return self.open_to_all().among(()).order_by("-is_global_default").first()

    def offered_in(self, assigned: Collection[int]) -> Self:
        """Those assigned to a place, or all if none is; the two defaults always."""
        if not assigned:
            return self
        return self.among(assigned)

    def nearest_first(self, user: object, assigned: Collection[int]) -> Self:
        """By `nearness`, then by name.

        0: those of `user`; 1: those assigned to a place, the built-in ones and the
        defaults; 2: the others.
        """
        is_near = Q(pk__in=list(assigned)) | Q(is_builtin=True)
        is_near |= Q(is_global_default=True) | Q(is_fallback=True)
        nearness = Case(When(is_of(user), then=0), When(is_near, then=1), default=2)
        known = self.annotate(nearness=nearness, name_key=Lower("name"))
        return known.order_by("nearness", "name_key", "pk")

    def muted_by(self, user: object) -> Self:
        """Those whose posts `user` wants folded away; a guest muted none."""
        if not isinstance(user, User):
            return self.none()
        return self.filter(
            userpersonasettings__user=user, userpersonasettings__is_muted=True
        )

    def not_muted_by(self, user: object) -> Self:
        """All but those that `user` muted."""
        return self.exclude(pk__in=Persona.objects.muted_by(user).values("pk"))

    def terms_of(self, user: object) -> dict[int, tuple[bool, bool, bool]]:
        """By id, whether `user` may open its page and may ask it, and has muted it."""
        opened = Persona.objects.visible_to(user).filter(pk=OuterRef("pk"))
        usable = Persona.objects.usable_by(user).filter(pk=OuterRef("pk"))
        muted = Persona.objects.muted_by(user).filter(pk=OuterRef("pk"))
        rows = self.annotate(
            is_open=Exists(opened), is_usable=Exists(usable), is_muted=Exists(muted)
        )
        found = rows.values_list("pk", "is_open", "is_usable", "is_muted")
        return {pk: (is_open, usable, muted) for pk, is_open, usable, muted in found}

    def called(self, name: str, *, by: object) -> Self:
        """Those with this handle or name, whatever the case.

        The handle's first, then what the user `by` made, then the oldest.
        """
        is_handle = Q(handle__name__iexact=name)
        is_own = Q(created_by=getattr(by, "pk", None), created_by__isnull=False)
        order = Case(When(is_handle, then=0), When(is_own, then=1), default=2)
        return self.filter(is_handle | Q(name__iexact=name)).order_by(order, "pk")

    def has_name(self, wanted: Collection[str]) -> bool:
        """Whether one that all may meet is called by one of these skeletons; one query.

        `wanted`: see `core.handles.skeleton`. Of another's private persona nobody learns
        that it is there.
        """
        return self.open_to_all().filter(name_skeleton__in=wanted).exists()

    def with_versions(self) -> Self:
        """Personas with all that resolution wants of them, in the same query."""
        owners = PersonaOwner.objects.filter(persona=OuterRef("pk")).values("user")
        open_to = Persona.groups.through.objects.filter(persona=OuterRef("pk"))
        return self.select_related(
            "handle", "current_version", "default_config__endpoint"
        ).annotate(
            owner_ids=ArraySubquery(owners),
            group_ids=ArraySubquery(open_to.values("group")),
        )

    def once_called(self, name: str) -> Self:
        """Those with this handle or, for deleted ones, slug; the one that is there first."""
        by_name = Q(handle__name__iexact=name) | Q(handle=None, slug__iexact=name)
        return self.filter(by_name).order_by("-is_active", "-pk")

    def hold(self, pk: int) -> "Persona":
        """The persona, locked until the transaction ends."""
        return self.select_for_update(no_key=True).get(pk=pk)

    def hold_managed(self, pk: int, *, by: User | None) -> "Persona":
        """`hold`, for what `by` does as its manager. Raises NotAllowed for others.

        Asked once it is held: whoever waited for it may have lost their rights
        meanwhile. `by` None: a command.
        """
        persona = self.hold(pk)
        if by is not None and not self.managed_by(by).filter(pk=pk).exists():
            raise NotAllowed
        return persona

    def hold_shaped(self, pk: int, *, by: User) -> "Persona":
        """As `hold_managed`, for what editors do as well."""
        persona = self.hold(pk)
        if not self.shaped_by(by).filter(pk=pk).exists():
            raise NotAllowed
        return persona


class Persona(models.Model):
    """An AI character that members may ask; what it says of itself is in its versions.

    Without a current version it is a draft that nobody meets but those who shape it.
    """

    # Null once it is deleted: the name is free for another.
    handle = models.OneToOneField(Handle, null=True, on_delete=models.PROTECT)
    # Set by `rename`. An older program that runs beside this one leaves the second out.
    name = models.CharField(max_length=60)
    name_skeleton = models.TextField(db_default="", editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    avatar = models.CharField(max_length=16, blank=True, help_text="An emoji.")
    avatar_image = models.FileField(
        max_length=100, blank=True, upload_to="avatars/", help_text="Instead of it."
    )
    tags = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    visibility = models.CharField(
        max_length=10, choices=Visibility, default=Visibility.PUBLIC
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="personas")
    definition_public = models.BooleanField(default=False)
    own_prompt_allowed = models.BooleanField(default=False)
    is_builtin = models.BooleanField(default=False)
    is_fallback = models.BooleanField(default=False)
    is_global_default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    current_version = models.ForeignKey(
        "PersonaVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    default_config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PersonaQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_fallback"],
                condition=Q(is_fallback=True),
                name="personas_persona_one_fallback",
            ),
            models.UniqueConstraint(
                fields=["is_global_default"],
                condition=Q(is_global_default=True),
                name="personas_persona_one_global_default",
            ),
            models.CheckConstraint(
                name="personas_persona_fallback_stays_usable",
                condition=Q(is_fallback=False)
                | Q(is_active=True, visibility=Visibility.PUBLIC),
            ),
            models.CheckConstraint(
                name="personas_persona_default_is_usable",
                condition=Q(is_global_default=False)
                | Q(is_active=True, visibility=Visibility.PUBLIC),
            ),
            models.CheckConstraint(
                name="personas_persona_handle_while_active",
                condition=Q(is_active=False) ^ Q(handle__isnull=False),
            ),
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(is_active=True, visibility=Visibility.PUBLIC),
                name="personas_persona_public_name_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["name"],
                condition=Q(is_active=True),
                name="personas_active_by_name",
            ),
            models.Index(
                fields=["name_skeleton"],
                condition=Q(is_active=True, visibility=Visibility.PUBLIC),
                name="personas_public_by_skeleton",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("personas:persona_detail", args=[self.slug])

    def rename(self, name: str) -> None:
        """Call it so, once it is saved: fields `name` and `name_skeleton`."""
        self.name, self.name_skeleton = name, skeleton(name)

    @property
    def open_name(self) -> str:
        """What a receipt, which everybody reads, calls a persona that was passed over."""
        is_public = self.visibility == Visibility.PUBLIC
        return self.name if is_public else "The persona that was asked"

    def is_usable_by(self, user: object, groups: Collection[int]) -> bool:
        """Whether `PersonaQuerySet.usable_by` would have it; `groups`: ids of the user's."""
        is_open = self.visibility == Visibility.PUBLIC or (
            self.visibility == Visibility.GROUPS
            and not set(groups).isdisjoint(self.group_ids)
        )
        is_met = self.is_active and self.current_version_id is not None
        return is_met and (is_open or getattr(user, "pk", None) in self.owner_ids)

    def is_shaped_by(self, user: object) -> bool:
        """Whether `PersonaQuerySet.shaped_by` would have this persona."""
        is_site_s = self.is_builtin and getattr(user, "is_staff", False)
        is_theirs = is_site_s or getattr(user, "pk", None) in self.owner_ids
        return self.is_active and (getattr(user, "is_superuser", False) or is_theirs)

    @property
    def is_open_to_all(self) -> bool:
        """Whether `PersonaQuerySet.open_to_all` would have it."""
        is_met = self.is_active and self.current_version_id is not None
        return is_met and self.visibility == Visibility.PUBLIC

    def is_offered_in(self, assigned: Collection[int]) -> bool:
        """Whether `PersonaQuerySet.offered_in` would have this persona."""
        is_default = self.is_global_default or self.is_fallback
        return not assigned or self.pk in assigned or is_default

    @cached_property
    def owner_ids(self) -> list[int]:
        """The members who shape it; `with_versions` brings them along."""
        return list(self.owners.values_list("user", flat=True))

    @cached_property
    def group_ids(self) -> list[int]:
        """The groups it is open to; `with_versions` brings them along."""
        return list(self.groups.values_list("pk", flat=True))
