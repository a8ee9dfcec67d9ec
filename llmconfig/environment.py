"""What LiteLLM must not find in the environment, and what it has to."""

import os

# LiteLLM fills the gaps of a call from variables such as these: one provider's key
# would go to whatever address the call names.
_PROVIDER_SUFFIXES = ("_API_KEY", "_APIKEY", "_API_BASE", "_API_TOKEN", "_BASE_URL")
_PROVIDER_NAMES = (
    "ANTHROPIC_AUTH_TOKEN AWS_ACCESS_KEY_ID AWS_BEARER_TOKEN_BEDROCK"
    " AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_AD_TOKEN AZURE_CLIENT_SECRET"
    " DATABRICKS_CLIENT_SECRET EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER FRIENDLI_TOKEN"
    " GIGACHAT_CREDENTIALS GOOGLE_APPLICATION_CREDENTIALS HF_TOKEN OPENAI_ORGANIZATION"
    " OPENAI_ORG_ID OPENAI_PROJECT OPENAI_PROJECT_ID SCW_SECRET_KEY WATSONX_TOKEN"
).split()


def clear_environment() -> None:
    """Take providers' keys and addresses, and LiteLLM's switches, out of this process."""
    for name in list(os.environ):
        if (
            name.endswith(_PROVIDER_SUFFIXES)
            or name in _PROVIDER_NAMES
            or name.startswith("LITELLM_")
        ):
            del os.environ[name]
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # in DEV it reads a .env file
    # Each of these tables is fetched from LiteLLM's own servers otherwise.
    for table in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS"):
        os.environ[f"LITELLM_LOCAL_{table}"] = "True"
