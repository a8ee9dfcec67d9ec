"""The door to a model for all that is asked: one guarded call under one deadline.

LiteLLM knows the protocols and the prices. It gets our HTTP client, no retries, no
callbacks and no environment to find keys or addresses in. Its import costs 1.2 s and
110 MB, so it waits for the first call and never happens in the web process.
"""

import asyncio
import gc
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from core.event_loop import submit
from core.network import GuardedClient
from llmconfig import wire
from llmconfig.calls import Answer, Call, CallHandle, Image
from llmconfig.environment import clear_environment
from llmconfig.errors import CallFailed
from llmconfig.parameters import needs_key, sent_parameters
from llmconfig.prices import FREE, listed_price
from llmconfig.reading import Reading, storable
from llmconfig.tokens import count_tokens

# All that a caller needs, so that the queue knows this module and none behind it.
__all__ = [
    "Answer",
    "Call",
    "CallFailed",
    "CallHandle",
    "Image",
    "complete",
    "count_tokens",
    "warm_up",
]

_NO_KEY = "none"
# No call costs more: a count or a price is wrong then.
_MOST_USD = 1_000_000

_log = logging.getLogger(__name__)

clear_environment()


def warm_up() -> None:
    """Load LiteLLM, the tokeniser and the prices now, so that no call waits for them."""
    import openai.resources  # noqa: F401  # 0.3 s, which the first call would wait for

    _litellm()
    count_tokens("ready")
    listed_price(prices="", model="")  # it is looked up while rows are locked
    # They stay for good. Else each full collection walks all of them, and stops every
    # thread meanwhile; in a forked process it also copies their memory.
    gc.collect()
    gc.freeze()


def complete(
    call: Call,
    *,
    on_text: Callable[[str], None] | None = None,
    handle: CallHandle | None = None,
) -> Answer:
    """Call the model and wait for its answer, given to `on_text` piece by piece.

    `on_text` runs on the event loop's thread and must not block; the caller holds no
    database connection. Raises CallFailed, at `call.deadline` at the latest. What was
    filtered, refused or cut off comes back as an answer that says so.
    """
    _litellm()  # the slow import belongs to this thread, not to everybody's loop
    handle = handle or CallHandle()
    try:
        return submit(_run(call, Reading(on_text), handle)).result()
    except CancelledError:  # it came while the connection was being closed
        raise CallFailed(handle.kind or "interrupted") from None


async def _run(call: Call, reading: Reading, handle: CallHandle) -> Answer:
    """Make one call; every way in which it can end is here."""
    if not handle.watch(asyncio.current_task()):
        raise CallFailed(handle.kind)
    traffic = wire.Wire(address=call.address, has_key=bool(call.key))
    wire.current.set(traffic)
    try:
        async with asyncio.timeout(call.deadline.total_seconds()):
            async for chunk in await _open_stream(call):
                reading.take(chunk)
                if reading.is_full:
                    break
        failure = _failure_of_end(call, reading, traffic)
    except TimeoutError:
        failure = CallFailed("timed_out")
    except asyncio.CancelledError:
        failure = CallFailed(handle.kind or "interrupted")
    except CallFailed as error:
        failure = error
    except Exception as error:
        failure = traffic.explain(error)
        if failure.is_unsent:
            _log.warning("LiteLLM made no request: %s", type(error).__name__)
    finally:
        handle.watch(None)
        await traffic.close()
    answer = reading.answer()
    answer = replace(answer, cost_usd=_cost(call, answer))
    if failure is None:
        return answer
    failure.partial = answer
    raise failure


def _failure_of_end(
    call: Call, reading: Reading, traffic: wire.Wire
) -> CallFailed | None:
    """What was wrong with a stream that ended by itself; None if it is an answer."""
    if reading.is_full:
        return None
    if not traffic.is_event_stream:
        return CallFailed(traffic.kind_of_body())
    if not reading.finish_reason:
        if not traffic.is_ended:
            return CallFailed("overloaded" if traffic.head else "malformed")
        if call.protocol == "anthropic":  # LiteLLM skips events it cannot read
            return CallFailed("malformed")
    if reading.is_silent:
        return CallFailed("empty")
    return None


def _cost(call: Call, answer: Answer) -> Decimal | None:
    """The cost by the entered price, else by LiteLLM's table; None: not known.

    So it is without usage, without a price, and when it is more than can be true. What
    is free costs nothing, however much it was.
    """
    price = call.price
    if price is None and call.prices == FREE:
        price = listed_price(prices=FREE, model=call.model)
    if price is not None and price.is_free:
        return Decimal(0)
    if answer.tokens_in is None or answer.tokens_out is None:
        return None
    if price is not None:
        total = price.of(answer.tokens_in, answer.tokens_out)
    elif call.prices:
        try:
            costs = _litellm().cost_per_token(
                model=call.model,
                prompt_tokens=answer.tokens_in,
                completion_tokens=answer.tokens_out,
                custom_llm_provider=call.prices,
            )
        except Exception:  # it raises a bare Exception for a model it does not know
            return None
        total = sum((Decimal(str(cost)) for cost in costs), Decimal(0))
    else:
        return None
    total = max(Decimal(0), round(total, 8))
    return total if total < _MOST_USD else None


@cache
def _litellm() -> Any:
    """LiteLLM, imported on first use, with all that it does unasked switched off."""
    import litellm  # noqa: TID251
    from litellm.llms.custom_httpx import http_handler  # noqa: TID251

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.drop_params = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpcore"):
        # Below this they write prompts and headers.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # For models with protocols of their own LiteLLM makes itself a client.
    setattr(  # noqa: B010  # mypy takes no assignment to a method
        http_handler.AsyncHTTPHandler, "create_client", lambda *_, **__: _new_client()
    )
    litellm.module_level_aclient.client = _http_client()
    litellm.aclient_session = _http_client()
    return litellm


def _new_client() -> GuardedClient:
    return GuardedClient(wire.TappedTransport())


@cache
def _http_client() -> GuardedClient:
    """The process's one client; used on the event loop only."""
    return _new_client()


async def _open_stream(call: Call) -> AsyncIterator[Any]:
    """Send the request; return the chunks of the answer, in OpenAI's form.

    They are read from LiteLLM's inner stream: its wrapper would count tokens itself
    where the provider did not, and take three times the processor.
    """
    if not call.key and needs_key(call):
        raise CallFailed("key_refused", "There is no key for this provider.")
    wrapper = await _litellm().acompletion(
        model=f"{call.protocol}/{call.model}",
        messages=[
            {"role": message["role"], "content": _content(message["content"])}
            for message in call.messages
        ],
        api_base=call.address,
        api_key=call.key or _NO_KEY,
        client=_sdk(call),
        stream=True,
        stream_options={"include_usage": True},
        timeout=call.deadline.total_seconds(),
        max_retries=0,
        num_retries=0,
        # Some model names would otherwise be sent to another API than the call's.
        _skip_responses_api_bridge=True,
        **sent_parameters(call),
    )
    return wrapper.completion_stream  # type: ignore[no-any-return]


def _content(content: str | list[str | Image]) -> Any:
    """A message's content in OpenAI's form; LiteLLM turns it into Anthropic's."""
    if isinstance(content, str):
        return storable(content)
    return [
        {"type": "text", "text": storable(part)}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": _data_url(part)}}
        for part in content
    ]


def _data_url(image: Image) -> str:
    """The picture itself, so that no provider asks us, or anybody, for it."""
    return f"data:image/jpeg;base64,{b64encode(image.jpeg).decode()}"


def _sdk(call: Call) -> Any:
    """What LiteLLM sends with in this protocol: our client inside the wrapping it expects."""
    if call.protocol == "anthropic":
        return _anthropic_handler()
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key=call.key or _NO_KEY,
        base_url=call.address,
        http_client=_http_client(),
        max_retries=0,
    )


@cache
def _anthropic_handler() -> Any:
    from litellm.llms.custom_httpx.http_handler import (  # noqa: TID251
        AsyncHTTPHandler,
    )

    class Handler(AsyncHTTPHandler):
        """LiteLLM's handler without its second try after a connection error."""

        async def post(
            self, url: str, *, data: str, headers: dict[str, str], **_: Any
        ) -> Any:
            request = self.client.build_request(
                "POST", url, content=data, headers=headers
            )
            response = await self.client.send(request, stream=True)
            response.raise_for_status()
            return response

    handler = Handler()
    handler.client = _http_client()
    return handler
