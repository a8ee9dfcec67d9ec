"""What LiteLLM must not find in the environment, and what it has to.

Also read by `manage.py up` before there is a site; it imports nothing of Django's.
"""

import os

# LiteLLM fills the gaps of a call from variables such as these: one provider's key
# would go to whatever address the call names.
_PREFIXES = (
    "ANTHROPIC_ AWS_ AZURE_ COHERE_ DEEPSEEK_ GEMINI_ GOOGLE_ GROQ_ HF_ HUGGINGFACE_"
    " LITELLM_ MISTRAL_ OPENAI_ OPENROUTER_ VERTEXAI_ XAI_"
)
_SUFFIXES = "_API_KEY _API_KEYS _APIKEY _API_BASE _API_TOKEN _BASE_URL"
_NAMES = (
    "DATABRICKS_CLIENT_SECRET EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER FRIENDLI_TOKEN"
    " GIGACHAT_CREDENTIALS SCW_SECRET_KEY WATSONX_TOKEN"
)


def is_provider_variable(name: str) -> bool:
    """Whether LiteLLM would take a key, an address or a switch from this variable."""
    return (
        name.startswith(tuple(_PREFIXES.split()))
        or name.endswith(tuple(_SUFFIXES.split()))
        or name in _NAMES.split()
    )


def clear_environment() -> None:
    """Take providers' keys and addresses, and LiteLLM's switches, out of this process."""
    for name in filter(is_provider_variable, list(os.environ)):
        del os.environ[name]
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # in DEV it reads a .env file
    # Each of these tables is fetched from LiteLLM's own servers otherwise.
    for table in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS"):
        os.environ[f"LITELLM_LOCAL_{table}"] = "True"
