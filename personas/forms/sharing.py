"""Forms about who shapes a persona and who may use it, and about groups of members."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import QueryDict

from accounts.forms import MemberField
from accounts.models import User
from core.forms import NameField
from personas.models import OwnerRole, Persona, Visibility


class PersonForm(forms.Form):
    """Somebody new to shape a persona."""

    member = MemberField(label="Handle", help_text="Whom to add, as in @handle.")
    role = forms.ChoiceField(
        choices=[
            (OwnerRole.EDITOR, "Editor: writes, tests and publishes it"),
            (OwnerRole.OWNER, "Owner: also shares it, hands it over and deletes it"),
        ],
        initial=OwnerRole.EDITOR,
        label="As",
        widget=forms.RadioSelect,
    )


class TransferForm(forms.Form):
    """To whom a persona is handed over."""

    member = MemberField(label="Handle", help_text="Who will own it, as in @handle.")


class PersonActForm(forms.Form):
    """One press of a button in the list of people."""

    make_owner = forms.IntegerField(required=False)
    make_editor = forms.IntegerField(required=False)
    remove = forms.IntegerField(required=False)

    def __init__(self, data: QueryDict, *, persona: Persona) -> None:
        super().__init__(data)
        self.people = User.objects.filter(personaowner__persona=persona)

    @property
    def pressed(self) -> tuple[str, User] | None:
        """The button and the person it stands beside; None: neither is there."""
        if not self.is_valid():
            return None
        given = [(act, pk) for act, pk in self.cleaned_data.items() if pk is not None]
        for act, pk in given[:1]:
            member = self.people.select_related("handle").filter(pk=pk).first()
            return None if member is None else (act, member)
        return None


class VisibilityForm(forms.Form):
    """Who may use a persona, read its definition, and put instructions of their own."""

    visibility = forms.ChoiceField(
        choices=[
            (Visibility.PRIVATE, "Only its owners and editors"),
            (Visibility.GROUPS, "Also the members of these groups"),
            (Visibility.PUBLIC, "Everybody"),
        ],
        label="Who may use it",
        help_text="The site's administrators may read all of it in any case.",
        widget=forms.RadioSelect,
    )
    groups = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        required=False,
        help_text="Only for the second choice above.",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "You may not choose this group."},
    )
    definition_public = forms.BooleanField(
        required=False,
        label="Its definition is open",
        help_text="Whoever may use it reads what it is told to be. Otherwise only those"
        " who shape it do.",
    )
    own_prompt_allowed = forms.BooleanField(
        required=False,
        label="Members may put their own instructions",
        help_text="A member's own take the place of its instructions, for that member"
        " alone. Its hard rules stay, and the reply says so.",
    )

    def __init__(
        self, data: QueryDict | None = None, *, persona: Persona, member: User
    ) -> None:
        initial = {
            "visibility": persona.visibility,
            "groups": list(persona.groups.values_list("pk", flat=True)),
            "definition_public": persona.definition_public,
            "own_prompt_allowed": persona.own_prompt_allowed,
        }
        super().__init__(data, initial=initial)
        choices = groups_for(member, persona)
        if choices:
            self.fields["groups"].queryset = choices  # type: ignore[attr-defined]
        else:
            del self.fields["groups"]

    def clean(self) -> dict[str, Any]:
        values = {"groups": [], **self.cleaned_data}
        if values.get("visibility") == Visibility.GROUPS and not values["groups"]:
            self.add_error(
                "groups" if "groups" in self.fields else "visibility",
                "Please choose a group."
                if "groups" in self.fields
                else "You are in no group. Staff make groups and say who is in them.",
            )
        return values


def groups_for(member: User, persona: Persona) -> QuerySet[Group]:
    """Groups to choose from: the member's own, staff's any; and those chosen already."""
    groups = Group.objects.order_by("name")
    if member.is_staff:
        return groups
    own = User.groups.through.objects.filter(user=member).values("group")
    chosen = Persona.groups.through.objects.filter(persona=persona).values("group")
    return groups.filter(Q(pk__in=own) | Q(pk__in=chosen))


class GroupForm(forms.Form):
    """What a group is called."""

    name = NameField()


class GroupMemberForm(forms.Form):
    """Somebody new in a group."""

    member = MemberField(label="Handle", help_text="Whom to add, as in @handle.")


class DefaultForm(forms.Form):
    """Which persona answers when nobody in particular is asked."""

    default = forms.ModelChoiceField(Persona.objects.open_to_all())


class SiteVisibilityForm(forms.Form):
    """Which personas staff show to everybody, or to nobody but their owners."""

    personas = forms.ModelMultipleChoiceField(
        Persona.objects.filter(is_active=True),
        error_messages={"required": "Please tick the personas that are meant."},
    )
    visibility = forms.ChoiceField(
        choices=[(it.value, it.label) for it in (Visibility.PUBLIC, Visibility.PRIVATE)]
    )
    is_confirmed = forms.BooleanField(required=False)
