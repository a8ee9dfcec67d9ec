"""Who sees which request, reads which text and may end whose work."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "requests are seen as their kind's app lets them",
        "llmqueue/pages/history.py",
        "if user is not None and user.is_staff:",
        "if True:",
        (
            "llmqueue/tests/test_history.py::test_a_request_is_seen_by_whom_its_app_lets",
        ),
    ),
    Mutant(
        "the queue counts tries for whoever tries and for staff",
        "llmqueue/pages/standing.py",
        "if it.is_private and not is_staff]",
        "if False]",
        (
            "studio/tests/test_trial_readers.py"
            "::test_the_queue_counts_tries_for_whoever_tries_and_for_staff",
        ),
    ),
    Mutant(
        "the texts of a hidden persona are for those who may read them",
        "llmqueue/prompting/stored_prompts.py",
        ".readable_by(viewer)",
        ".all()",
        ("tests/test_request_page.py::test_a_hidden_definition_is_for_its_owners",),
    ),
    Mutant(
        "a request is cancelled by who asked and staff alone",
        "llmqueue/services.py",
        "if not request.may_be_managed_by(member):",
        "if False:",
        (
            "tests/test_request_page.py::test_cancel_and_retry_are_for_who_asked_and_staff",
        ),
    ),
    Mutant(
        "a try is not made again on a post that is gone",
        "studio/services/trials.py",
        "    if refusal := trial.why_gone():\n        raise refusal\n",
        "",
        (
            "studio/tests/test_trials.py::test_what_failed_is_not_asked_again_when_its_post_is_gone",
        ),
    ),
    Mutant(
        "nothing is answered for a member who is gone",
        "llmqueue/askers.py",
        "if member is None or not member.is_active:",
        "if member is None:",
        ("forum/tests/test_replies.py::test_what_changes_while_waiting_cancels",),
    ),
    Mutant(
        "no list of the admin is narrowed by a hidden column",
        "accounts/admin_site.py",
        'if lookup.split("__")[0] in self.exclude:',
        "if False:",
        ("tests/test_admin.py::test_no_address_asks_for_a_secret_bit_by_bit",),
    ),
    Mutant(
        "nobody is led into a draft that somebody else began",
        "personas/models/personas.py",
        "filter(created_by=user, is_active=True,",
        "filter(is_active=True,",
        (
            "personas/tests/test_naming.py::test_what_others_made_somebody_an_owner_of_is_not_begun_by_them",
        ),
    ),
    Mutant(
        "no persona is opened to all under a member's name",
        "personas/services/sharing.py",
        "check_display_name(name=persona.name, handle=persona.handle)",
        "pass",
        (
            "personas/tests/test_sharing.py::test_a_private_persona_is_not_opened_under_a_member_s_name",
        ),
    ),
    Mutant(
        "mails lead to no host but the site's",
        "accounts/adapter.py",
        "context = context | links |",
        "context = context |",
        (
            "accounts/tests/test_signup.py::test_mails_lead_to_the_site_whatever_host_was_asked",
        ),
    ),
]
