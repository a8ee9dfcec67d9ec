"""What we are made of: known files by their hashes, and nothing that runs by itself."""

import re
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.version import Version

from core.encryption import encrypt
from forum.services import asks
from llmqueue.work import runner

LOCK = settings.BASE_DIR / "requirements.lock"
# Published by somebody else than LiteLLM's authors, with code that stole secrets.
MALICIOUS = {"1.82.7", "1.82.8"}
# The first release after them that was looked through.
FLOOR = Version("1.83.10")
# A .pth file can run code at every start of Python. These are known.
KNOWN_PTH = {"distutils-precedence.pth", "a1_coverage.pth", "_virtualenv.pth"}


def locked() -> dict[str, str]:
    """Each locked package with its version and hashes, as its lines have them."""
    text = LOCK.read_text().replace("\\\n", " ")
    entries = (line.strip() for line in text.splitlines())
    return {
        re.split(r"[=\s\[]", entry)[0].lower(): entry
        for entry in entries
        if entry and not entry.startswith(("#", "-"))
    }


@pytest.mark.fault("A-SUP-1")
def test_every_package_is_locked_to_one_version_with_hashes():
    loose = [
        name
        for name, entry in locked().items()
        if not re.match(r"\S+==\S+", entry) or "--hash=sha256:" not in entry
    ]

    assert len(locked()) > 50
    assert loose == []
    addresses = r"https?://|git\+|--(?:extra-)?index|--find-links|file:|@ "
    assert not re.search(addresses, LOCK.read_text())


@pytest.mark.fault("A-SUP-1")
def test_setup_installs_by_hash_only():
    script = (settings.BASE_DIR / "scripts" / "bootstrap.sh").read_text()
    commands = re.sub(r"\\\n\s*", "", script).splitlines()
    installs = [line for line in commands if "-r requirements.lock" in line]
    (options,) = (line for line in commands if line.startswith("options="))

    assert len(installs) == 2
    assert all(" $options " in line for line in installs)
    assert "--require-hashes" in options


@pytest.mark.fault("A-SUP-1")
def test_the_malicious_litellm_cannot_be_chosen():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())[
        "project"
    ]
    wanted = [Requirement(text) for text in project["dependencies"]]
    (litellm,) = (entry for entry in wanted if entry.name == "litellm")
    chosen = re.match(r"litellm==(\S+)", locked()["litellm"])

    assert not any(litellm.specifier.contains(version) for version in MALICIOUS)
    assert not litellm.specifier.contains("1.83.9")
    assert chosen
    assert Version(chosen[1]) >= FLOOR


@pytest.mark.fault("A-SUP-1")
def test_no_unknown_file_runs_at_every_start():
    folder = Path(sysconfig.get_paths()["purelib"])
    unknown = {path.name for path in folder.glob("*.pth")} - KNOWN_PTH
    # An editable install of ours would be a list of folders, without code.
    running = {
        name
        for name in unknown
        if re.search(r"^\s*import[ \t]", (folder / name).read_text(), re.MULTILINE)
    }

    assert running == set()
    assert not (folder / "sitecustomize.py").exists()
    assert not (folder / "usercustomize.py").exists()


# LiteLLM's own calls use some of the helpers that lie in `litellm.proxy`. What serves,
# signs in, keeps accounts or reads a configuration must never be loaded.
PROXY = (
    "proxy_server proxy_cli auth db management_endpoints health_endpoints"
    " client.cli config_management_endpoints hooks utils"
).split()


@pytest.mark.fault("A-SUP-1")
@pytest.mark.parametrize("provider", ["compatible", "anthropic"])
def test_the_proxy_of_litellm_is_never_started(
    alice, topic, fake_config, fake_llm, provider
):
    """Asks by both protocols, in this process, in which nothing else would load it."""
    endpoint = fake_config.endpoint
    endpoint.provider = provider
    endpoint.api_base = fake_llm.root if provider == "anthropic" else fake_llm.address
    endpoint.site_key = encrypt(
        "a-key-of-the-site", owner="site", host=f"127.0.0.1:{fake_llm.port}"
    )
    endpoint.save()
    ask = asks.ask(post=topic.posts.get(), member=alice)
    runner.run_next()

    ask.refresh_from_db()
    assert ask.reply is not None
    forbidden = tuple(f"litellm.proxy.{name}" for name in PROXY)
    loaded = [name for name in sys.modules if name.startswith((*forbidden, "fastapi"))]
    assert "litellm" in sys.modules
    assert loaded == []
