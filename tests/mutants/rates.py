"""Haste: counted in one step, by the true address, on own keys as well."""

from tests.mutants.mutant import Mutant

_RATES, _PAGES = "core/tests/test_rates.py", "tests/test_rate_limits.py"

MUTANTS = [
    Mutant(
        "looking and counting are one step",
        "core/rates.py",
        'refusing, wait = cast("list[int]", self.script(keys=keys, args=windows))',
        "store = self.script.registered_client\n"
        "        refusing = int(store.llen(keys[0]) >= windows[1])\n"
        "        wait = 3_600_000\n"
        "        store.lpush(keys[0], 1)",
        (f"{_RATES}::test_fifty_at_once_are_allowed_exactly_what_the_rule_says",),
    ),
    Mutant(
        "no stranger's word on an address is taken",
        "core/addresses.py",
        "or not (found is None or _is_ours(found)):",
        "or False:",
        (
            "core/tests/test_addresses.py::test_a_header_is_not_believed_without_a_proxy",
            f"{_PAGES}::test_a_guest_who_claims_other_addresses_is_counted_all_the_same",
        ),
    ),
    Mutant(
        "what is asked on own keys is counted too",
        "forum/views/asks.py",
        "rates.take(request, asks=request.user.pk,",
        "pays = request.user.api_keys.exists()\n"
        "    rates.take(request, asks=None if pays else request.user.pk,",
        (f"{_PAGES}::test_asks_on_a_key_of_ones_own_are_counted_too",),
    ),
    Mutant(
        "pages go on while Valkey is away",
        "core/rates.py",
        "    except redis.RedisError as error:\n",
        "    except ZeroDivisionError as error:\n",
        (f"{_RATES}::test_all_is_allowed_while_nothing_listens",),
    ),
    Mutant(
        "a silent Valkey is not waited for on every page",
        "core/rates.py",
        "        counter.resumes_at = time.monotonic() + _PAUSE_SECONDS\n",
        "",
        (f"{_RATES}::test_all_is_allowed_while_valkey_is_silent_and_it_is_asked_once",),
    ),
    Mutant(
        "what is refused is not counted elsewhere",
        "core/rates.py",
        "if refusing == 0 then\n  for",
        "if true then\n  for",
        (f"{_RATES}::test_what_one_rule_refuses_is_counted_under_none",),
    ),
    Mutant(
        "pictures that are sent count as files",
        "forllm/rate_limits.py",
        'hasattr(view, "takes_files")',
        'hasattr(view, "takes_file")',
        (
            f"{_PAGES}::test_files_are_counted_by_member",
            f"{_PAGES}::test_pictures_sent_with_posts_are_files_too",
        ),
    ),
    Mutant(
        "a header is not taken for another one of nearly its name",
        "forllm/asgi.py",
        'if b"_" not in name]',
        "]",
        (
            "tests/test_web.py::test_a_header_that_only_looks_like_the_proxy_s_is_not_believed",
        ),
    ),
]
