"""The opening hours of the queue."""

from tests.mutants.mutant import Mutant

_CLOCK = "llmqueue/tests/test_hours.py"
_GATE = "llmqueue/tests/test_hours_gate.py"

MUTANTS = [
    Mutant(
        "who waited for the lane looks again at the opening hours",
        "llmqueue/models/requests.py",
        "            .filter(InHours(Value(lane.endpoint_id)))\n",
        "",
        (f"{_GATE}::test_who_waited_for_the_lane_sees_that_the_hours_have_ended",),
    ),
    Mutant(
        "hours after midnight are those of the day before",
        "llmqueue/models/hours.py",
        "({at} AT TIME ZONE {zone}) - make_interval(hours => start_hour)",
        "({at} AT TIME ZONE {zone})",
        (f"{_CLOCK}::test_a_friday_window_holds_when_it_should",),
    ),
    Mutant(
        "hours are those of the clock on the wall",
        "llmqueue/models/hours.py",
        "({at} AT TIME ZONE {zone}) - make_interval(hours => start_hour)",
        "(({at} - make_interval(hours => start_hour)) AT TIME ZONE {zone})",
        (f"{_CLOCK}::test_a_window_is_as_long_as_the_night_is",),
    ),
    Mutant(
        "an endpoint's own hours come before the site's",
        "llmqueue/models/hours.py",
        "ORDER BY endpoint_id NULLS LAST",
        "ORDER BY endpoint_id NULLS FIRST",
        (f"{_GATE}::test_an_endpoint_with_hours_of_its_own_goes_by_those_alone",),
    ),
    Mutant(
        "nobody is given up for hours in which nobody is called",
        "llmqueue/work/detours.py",
        "Lane.objects.in_hours().in_hours(at=long_ago)",
        "Lane.objects.all()",
        (f"{_GATE}::test_nobody_is_given_up_who_could_not_be_called_for_the_hours",),
    ),
    Mutant(
        "a fallback does not wait for the hours of the first",
        "llmqueue/work/outcomes.py",
        "        **_place_for(request, fallback),\n",
        "",
        (
            f"{_GATE}::test_a_fallback_is_asked_though_the_hours_of_the_first_have_ended",
        ),
    ),
    Mutant(
        "outside of the hours no worker is nudged for what waits",
        "llmqueue/work/sweeper.py",
        "lane__in=Lane.objects.in_hours(), ",
        "",
        (f"{_GATE}::test_the_sweep_nudges_for_what_waits_once_the_hours_have_come",),
    ),
]
