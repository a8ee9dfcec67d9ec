"""Who is asked to answer a post."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from core.forms import TokenField
from forum.forms.places import Place, auto_id
from forum.models import Post
from llmconfig.models import LLMConfig, ProviderPreference
from llmconfig.services.estimates import costs_of_replies
from personas.models import Persona, PersonaQuerySet
from personas.services.aliases import find_persona

# Personas that the Ask form lists; the others are called by name.
MOST_CHOICES = 60
_HEADINGS = ("Yours", "Assigned here or built in", "Others")


class PersonaField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the personas that may be asked; each says in short what it is."""

    def label_from_instance(self, obj: Persona) -> str:
        version = obj.current_version
        role = Truncator(version.role).chars(70) if version else ""
        return f"{obj.avatar} {obj.name}".strip() + (f" — {role}" if role else "")


class WishField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the member's models of a provider, to be asked for once."""

    def label_from_instance(self, obj: ProviderPreference) -> str:
        return f"{obj.model}, my model at {obj.endpoint}"


class AskForm(forms.Form):
    """Choice of the persona that answers `post`, among those `offered` there.

    There may be thousands: the nearest to `member` and to the place, where `assigned` are
    at home, stand in a list, and the others are called by name.
    """

    key = TokenField()
    called = forms.CharField(
        max_length=100, required=False, label="Or its handle, name or alias"
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        post: Post,
        member: User,
        offered: PersonaQuerySet,
        assigned: Collection[int],
        place: Place = "page",
        wanted: str = "",
    ) -> None:
        """`wanted`: the handle of whom to choose beforehand, if it is offered."""
        super().__init__(data, auto_id=auto_id("ask", post, place))
        if handle := markup.one_line(wanted):
            self.initial["persona"] = offered.filter(
                handle__name__iexact=handle
            ).first()
        self.place = place
        if post.images_count:
            self.fields["blindly"] = forms.BooleanField(
                required=False,
                label="Ask also a model that does not see the pictures: it is told their"
                " descriptions only",
            )
        self._member, self._assigned = member, assigned
        self._offered = offered.select_related("current_version").only(
            "name", "avatar", "current_version__role"
        )
        self._favourites = LLMConfig.objects.favourites_of(member)
        self._wishes = ProviderPreference.objects.of(member).that_serve()
        self.fields |= {
            "persona": self._persona_field(),
            "config": self._config_field(),
            "wish": self._wish_field(),
        }

    def _persona_field(self) -> PersonaField:
        field = PersonaField(
            self._offered,
            label="Who should answer",
            required=False,
            error_messages={"invalid_choice": "This persona cannot be asked here."},
        )
        field.choices = self._choices
        return field

    def _config_field(self) -> "forms.ModelChoiceField[LLMConfig]":
        field = forms.ModelChoiceField(
            self._favourites,
            label="With which model",
            required=False,
            error_messages={"invalid_choice": "This model is no favourite of yours."},
        )
        field.choices = self._config_choices
        return field

    def _wish_field(self) -> WishField:
        field = WishField(
            self._wishes,
            label="Or with my model of a provider",
            required=False,
            error_messages={"invalid_choice": "This is not one of your models."},
        )
        field.choices = self._wish_choices
        return field

    @cached_property
    def favourites(self) -> list[LLMConfig]:
        """The models the member keeps at hand."""
        return list(self._favourites)

    def _config_choices(self) -> list[tuple[str, str]]:
        """As it is set, then each favourite."""
        costs = costs_of_replies(self.favourites) if self.favourites else {}
        labels = ((str(it.pk), self._label(it, costs[it.pk])) for it in self.favourites)
        return [("", "As set for it"), *labels]

    def _label(self, config: LLMConfig, cost: Decimal | None) -> str:
        sees = "blindly" in self.fields and config.vision_model
        return _with_cost(config, cost) + (", sees pictures" if sees else "")

    @cached_property
    def wishes(self) -> list[ProviderPreference]:
        """The member's models of single providers, each of which may be asked for."""
        return list(self._wishes)

    def _wish_choices(self) -> list[tuple[Any, str]]:
        label = cast(WishField, self.fields["wish"]).label_from_instance
        own = [(row.pk, label(row)) for row in self.wishes]
        return [("", "The model that is set"), *own]

    @cached_property
    def _nearest(self) -> list[Persona]:
        """The personas of the list, and one more if there are more."""
        nearest = self._offered.nearest_first(self._member, self._assigned)
        return list(nearest[: MOST_CHOICES + 1])

    @property
    def has_more(self) -> bool:
        """Whether some that can be asked stand in no list."""
        return len(self._nearest) > MOST_CHOICES

    @cached_property
    def _chosen(self) -> Persona | None:
        """Whom the page or the member chose already, if they stand not in the list."""
        value = self["persona"].value()
        field = cast(PersonaField, self.fields["persona"])
        key = str(field.prepare_value(value) or "")
        if not key or key in {str(it.pk) for it in self._nearest[:MOST_CHOICES]}:
            return None
        try:
            return field.to_python(key)
        except forms.ValidationError:
            return None

    def _choices(self) -> list[tuple[str, Any]]:
        """Nobody in particular, then each group under its heading."""
        label = cast(PersonaField, self.fields["persona"]).label_from_instance
        groups: dict[str, list[tuple[int, str]]] = {}
        for persona in self._nearest[:MOST_CHOICES]:
            heading = _HEADINGS[persona.nearness]  # type: ignore[attr-defined]
            groups.setdefault(heading, []).append((persona.pk, label(persona)))
        if self._chosen is not None:
            chosen = (self._chosen.pk, label(self._chosen))
            groups.setdefault(_HEADINGS[-1], []).append(chosen)
        return [("", "Whoever fits here"), *groups.items()]

    def clean_called(self) -> Persona | None:
        name = self.cleaned_data["called"]
        if not name:
            return None
        found = find_persona(name, user=self._member)
        if found is None or not self._offered.filter(pk=found.pk).exists():
            raise forms.ValidationError(
                "No persona that can be asked here is called so."
            )
        return found

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        chosen, called = values.get("persona"), values.pop("called", None)
        if chosen and called and chosen != called:
            self.add_error("called", "Please choose one of the list or name one.")
        values["persona"] = called or chosen
        return values


def _with_cost(config: LLMConfig, cost: Decimal | None) -> str:
    """A favourite by its name and what a reply of it costs about."""
    if cost is None:
        return f"{config.name} — price unknown"
    if not cost:
        return f"{config.name} — free"
    return f"{config.name} — about ${cost.normalize():f} a reply"
