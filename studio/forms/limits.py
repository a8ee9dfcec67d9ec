"""Forms of limits, and of a member's own budget."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from llmconfig.models import AISettings, BudgetPeriod
from llmqueue.limits.fitting import KINDS
from llmqueue.models import LimitScope, Period
from studio.limit_names import Target, find_named, targets

_NAMED = "named"
_NOTHING = "Please limit something: requests, tokens or costs."
# What the columns hold; nobody means more.
_MOST_REQUESTS = 1_000_000
_MOST_TOKENS = 10**12


def plain(usd: Decimal | None) -> str | None:
    """An amount as people write it into a form: 5, and not 5.0000."""
    return None if usd is None else f"{usd.normalize():f}"


def _requests() -> forms.IntegerField:
    return forms.IntegerField(
        required=False, min_value=0, max_value=_MOST_REQUESTS, label="Requests"
    )


def _dollars(**kwargs: Any) -> forms.DecimalField:
    return forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_value=Decimal(100_000),
        decimal_places=4,
        **kwargs,
    )


class AmountsForm(forms.Form):
    """How much a limit allows; empty: that is not limited."""

    requests = _requests()
    tokens = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MOST_TOKENS,
        help_text="Of prompts and replies together.",
    )
    cost_usd = _dollars(
        label="Costs, in US dollars",
        help_text="A model whose price is not known is then not asked until its price"
        " is entered.",
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not self.errors and all(values[kind] is None for kind in KINDS):
            raise forms.ValidationError(_NOTHING)
        return values

    @property
    def amounts(self) -> dict[str, Any]:
        """The checked amounts as the services take them."""
        return {kind: self.cleaned_data[kind] for kind in KINDS}


class LimitForm(AmountsForm):
    """A new limit: for whom or what, in which period, how much."""

    whom = forms.ChoiceField(label="For")
    named = forms.CharField(
        required=False,
        max_length=40,
        label="Name of the member or persona",
        help_text="Such as @alice; only where that was chosen above.",
    )
    period = forms.ChoiceField(
        choices=Period, help_text="Days and months begin at the site's midnight."
    )
    field_order = ("whom", "named", "period", *KINDS)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self._targets: dict[str, Target] = {}
        choices: list[tuple[str, Any]] = []
        for heading, rows in targets().items():
            group = [(_value(target), name) for target, name in rows]
            self._targets |= {_value(target): target for target, _ in rows}
            choices += [(heading, group)] if heading and group else group
        choices.append((_NAMED, "One member or persona, by name"))
        self.fields["whom"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if "whom" not in values or "period" not in values:
            return values
        target = self._target(values["whom"], values.get("named", "").strip())
        if target is None:
            self.add_error("named", "No member and no persona is called so.")
            return values
        values["scope"], values["key"] = target
        return values

    def _target(self, chosen: str, name: str) -> Target | None:
        return find_named(name) if chosen == _NAMED else self._targets[chosen]


class BudgetForm(forms.Form):
    """What a member allows themselves; empty: that is not limited."""

    usd = _dollars(
        label="Costs, in US dollars",
        help_text="A model whose price is not known here then does not answer you.",
    )
    requests = _requests()
    period = forms.ChoiceField(
        choices=BudgetPeriod, help_text="Days and months begin at the site's midnight."
    )

    def __init__(self, data: QueryDict | None = None, *, own: AISettings) -> None:
        now = {
            "usd": plain(own.budget_usd),
            "requests": own.budget_requests,
            "period": own.budget_period,
        }
        super().__init__(data, initial=now)


def _value(target: Target) -> str:
    scope, key = target
    return scope.value if scope == LimitScope.SITE else f"{scope.value}:{key}"
