"""Which model answers whom, and on whose bill."""

from tests.mutants.mutant import Mutant

_RESOLVED = "llmqueue/tests/test_redirects.py::test_"
_MADE = "llmconfig/tests/test_redirects.py::test_"
_SET = "llmconfig/tests/test_members.py::test_"

MUTANTS = [
    Mutant(
        "no redirect moves a call from a member's key to the site's",
        "llmqueue/resolution/redirecting.py",
        "return is_theirs and not lookups.pays_at(member, target)",
        "return False",
        (f"{_RESOLVED}no_call_moves_from_a_members_key_to_the_sites",),
    ),
    Mutant(
        "a circle of redirects ends",
        "llmqueue/resolution/redirecting.py",
        "if target is None or redirect.pk in followed:",
        "if target is None or len(choice.redirects) > 8:",
        (f"{_RESOLVED}a_circle_ends_where_it_began",),
    ),
    Mutant(
        "a redirect that would lead back is refused",
        "llmconfig/services/redirects.py",
        "if leads_back(wanted, active):",
        "if False:",
        (f"{_MADE}what_would_lead_back_is_refused",),
    ),
    Mutant(
        "who makes a redirect waits for who makes another",
        "llmconfig/services/redirects.py",
        '    list(Endpoint.objects.order_by("pk").select_for_update(no_key=True))\n',
        "",
        (f"{_MADE}two_staff_at_once_make_no_circle",),
    ),
    Mutant(
        "a change of an endpoint waits for no record of a call",
        "llmconfig/services/endpoints.py",
        "    rows = Endpoint.objects.select_for_update(no_key=True)\n",
        "    rows = Endpoint.objects.select_for_update()\n",
        (
            "llmconfig/tests/test_endpoint_changes.py"
            "::test_change_endpoint_waits_for_no_record_of_a_call",
        ),
    ),
    Mutant(
        "a change of an endpoint's configs waits for no record of a call",
        "llmconfig/services/endpoints.py",
        "following.select_for_update(no_key=True)",
        "following.select_for_update()",
        (
            "llmconfig/tests/test_endpoint_changes.py"
            "::test_change_endpoint_waits_for_no_record_of_a_call",
        ),
    ),
    Mutant(
        "a redirect leads to the site's configs alone",
        "llmconfig/services/redirects.py",
        "LLMConfig.objects.of_site()",
        "LLMConfig.objects.all()",
        (f"{_MADE}the_target_must_be_able_to_answer",),
    ),
    Mutant(
        "what stands for a fallback is not what failed first",
        "llmqueue/resolution/deciding.py",
        "if not is_on_fallback(it.receipt)",
        "if True",
        (f"{_RESOLVED}what_stands_for_a_fallback_is_never_named_as_what_failed_first",),
    ),
    Mutant(
        "a fallback that leads back is not asked",
        "llmqueue/resolution/resolving.py",
        'if choice.as_json() == failed["model"]:',
        "if False:",
        (f"{_RESOLVED}a_fallback_that_leads_back_to_what_failed_is_not_asked",),
    ),
    Mutant(
        "another member's model is nobody's",
        "llmconfig/services/members.py",
        "if config is not None and not config.is_usable_by(member):",
        "if False:",
        (f"{_SET}another_members_config_is_nobodys_default",),
    ),
    Mutant(
        "uses that end at once are all counted",
        "llmconfig/services/members.py",
        'wished.update(uses=F("uses") + 1, last_used_at=Now())',
        "[wished.update(uses=it.uses + 1, last_used_at=Now()) for it in list(wished)]",
        (f"{_SET}uses_that_end_at_once_are_all_counted",),
    ),
    Mutant(
        "only a private persona of theirs answers with a member's own model",
        "personas/services/defaults.py",
        "if persona.visibility != Visibility.PRIVATE or not is_theirs:",
        "if False:",
        ("studio/tests/test_models.py::test_a_default_of_ones_own_is_checked_again",),
    ),
    Mutant(
        "what waits moves only where its line is wrong",
        "llmqueue/services.py",
        "if request.lane.endpoint_id != choice.endpoint.pk:",
        "if True:",
        (f"{_RESOLVED}lines_are_corrected_in_order_and_only_where_they_are_wrong",),
    ),
]
