"""The providers an endpoint may name, and how each is reached."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Provider:
    """One kind of model service.

    `protocol` is LiteLLM's name for it, `api_base` the provider's own address (blank:
    the endpoint must give one), `prices` LiteLLM's name in its price table, or what
    `prices.FREE` says. `needs_key`: wherever it is; ask `needs_key_at`, which knows the
    hosts, too. `is_strict`: it takes no parameters beyond those of OpenAI's protocol; ask
    `is_strict_at`. `about` is a line for whoever chooses one; `key_page` says where a key is
    made, blank: nowhere in particular.
    """

    key: str
    label: str
    protocol: str
    api_base: str
    prices: str = ""
    needs_key: bool = True
    is_strict: bool = False
    about: str = ""
    key_page: str = ""

    def needs_key_at(self, address: str) -> bool:
        """Whether it takes no call without a key: by its kind, or by whose host it is."""
        owner = provider_at(address)
        return self.needs_key or bool(owner and owner.needs_key)

    def is_strict_at(self, address: str) -> bool:
        """Whether it takes nothing beyond OpenAI's protocol, by kind or by host."""
        owner = provider_at(address)
        return self.is_strict or bool(owner and owner.is_strict)


# Services with OpenAI's protocol all go one way: a single path to guard and to test.
PROVIDERS = {
    provider.key: provider
    for provider in (
        Provider(
            "openai",
            "OpenAI",
            "openai",
            "https://api.openai.com/v1",
            "openai",
            is_strict=True,
            about="The GPT models. Paid for in advance, by the token.",
            key_page="platform.openai.com/api-keys",
        ),
        Provider(
            "anthropic",
            "Anthropic",
            "anthropic",
            "https://api.anthropic.com",
            "anthropic",
            about="The Claude models. Paid for in advance, by the token.",
            key_page="console.anthropic.com/settings/keys",
        ),
        Provider(
            "google",
            "Google Gemini",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini",
            is_strict=True,
            about="The Gemini models. Some can be used for nothing, within limits.",
            key_page="aistudio.google.com/apikey",
        ),
        Provider(
            "groq",
            "Groq",
            "openai",
            "https://api.groq.com/openai/v1",
            "groq",
            is_strict=True,
            about="Open models, answered very quickly. Some free of charge, within limits.",
            key_page="console.groq.com/keys",
        ),
        Provider(
            "openrouter",
            "OpenRouter",
            "openai",
            "https://openrouter.ai/api/v1",
            "openrouter",
            about="Hundreds of models of many makers with one key, some free of charge.",
            key_page="openrouter.ai/keys",
        ),
        Provider(
            "mistral",
            "Mistral",
            "openai",
            "https://api.mistral.ai/v1",
            "mistral",
            is_strict=True,
            about="The Mistral models, from Europe.",
            key_page="console.mistral.ai/api-keys",
        ),
        Provider(
            "deepseek",
            "DeepSeek",
            "openai",
            "https://api.deepseek.com/v1",
            "deepseek",
            is_strict=True,
            about="The DeepSeek models. Cheap, paid for in advance.",
            key_page="platform.deepseek.com/api_keys",
        ),
        Provider(
            "ollama",
            "Ollama",
            "openai",
            "http://127.0.0.1:11434/v1",
            needs_key=False,
            is_strict=True,
            about="Open models on a machine of your own: no key, no bill.",
        ),
        Provider(
            "tgi",
            "Text Generation Inference",
            "openai",
            "",
            needs_key=False,
            is_strict=True,
            about="Hugging Face's server for open models, run by yourself. Needs its address.",
        ),
        Provider(
            "compatible",
            "OpenAI-compatible",
            "openai",
            "",
            needs_key=False,
            about="Any other service with OpenAI's protocol: vLLM, llama.cpp, LM Studio. Needs"
            " its address.",
        ),
        Provider("demo", "Demo model", "openai", "", "free"),
    )
}

CHOICES = [(provider.key, provider.label) for provider in PROVIDERS.values()]


def names_model(models: list[str], model: str) -> bool:
    """Whether a provider's list has `model`, or one that it is the beginning of.

    Providers list `name-20260101` and also take `name`; Ollama lists `name:latest`.
    """
    return any(
        it in (model, f"{model}:latest") or it.startswith(f"{model}-") for it in models
    )


_BY_HOST = {
    urlsplit(provider.api_base).hostname: provider
    for provider in PROVIDERS.values()
    if provider.needs_key and provider.api_base  # this machine is nobody's own
}


def provider_at(address: str) -> Provider | None:
    """The provider whose own host `address` names, whatever its endpoint is called."""
    return _BY_HOST.get(urlsplit(address).hostname)
