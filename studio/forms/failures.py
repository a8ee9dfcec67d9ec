"""The form to let calls to an endpoint fail."""

from django import forms

from llmqueue.failing import LONGEST_SIMULATION, MOST_SIMULATED_CALLS, SIMULATED
from llmqueue.models import Outcome

_LONGEST_MINUTES = int(LONGEST_SIMULATION.total_seconds() // 60)


class SimulationForm(forms.Form):
    """How calls are to fail, how many, and for how long at the most."""

    outcome = forms.TypedChoiceField(
        choices=[(str(it), it.label) for it in SIMULATED],
        coerce=Outcome,
        label="How they fail",
    )
    calls = forms.IntegerField(
        min_value=1,
        max_value=MOST_SIMULATED_CALLS,
        initial=1,
        label="Calls that fail",
        help_text=f"At most {MOST_SIMULATED_CALLS}.",
    )
    minutes = forms.IntegerField(
        min_value=1,
        max_value=_LONGEST_MINUTES,
        initial=10,
        label="For how many minutes",
        help_text=f"At most {_LONGEST_MINUTES}. It ends with whichever comes first.",
    )
