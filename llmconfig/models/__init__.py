"""The tables of models, one module a subject."""

from llmconfig.models.configs import (
    LLMConfig,
    LLMConfigQuerySet,
    ModelProfile,
    Redirect,
    endpoints_with_site_configs,
)
from llmconfig.models.endpoints import (
    MOST_CALL_DEADLINE,
    Endpoint,
    EndpointQuerySet,
    ModelPrice,
    OpenTo,
)
from llmconfig.models.members import (
    AISettings,
    ApiKey,
    BudgetPeriod,
    Favourite,
    KeyState,
    ProviderPreference,
)

__all__ = [
    "MOST_CALL_DEADLINE",
    "AISettings",
    "ApiKey",
    "BudgetPeriod",
    "Endpoint",
    "EndpointQuerySet",
    "Favourite",
    "KeyState",
    "LLMConfig",
    "LLMConfigQuerySet",
    "ModelPrice",
    "ModelProfile",
    "OpenTo",
    "ProviderPreference",
    "Redirect",
    "endpoints_with_site_configs",
]
