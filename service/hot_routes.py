"""The two classify routes by the shortest way: msgspec in, msgspec out, nothing between.

FastAPI's way to a route costs several times what scoring does. What stands here answers a request itself
where the body is plainly valid; everything else, every error included, goes to the routes in
:mod:`service.native`, which are the ones that are documented. A test holds the two against each other.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modality import Classifier, ModalityError
from service.model_slot import ModelSlot
from service.settings import Settings

__all__ = ["HotRoutes"]

#: Bodies of more bytes are classified beside the event loop: so many take about a millisecond.
LARGEST_IN_LOOP = 1 << 15

_Threshold = Annotated[float, msgspec.Meta(ge=0, le=1)] | None


class _One(msgspec.Struct, forbid_unknown_fields=True):
    """The body of /v1/classify."""

    text: str
    explain: bool = False
    threshold: _Threshold = None

    @property
    def texts(self) -> list[str]:
        """The descriptions."""
        return [self.text]

    def answer(self, classifier: Classifier) -> bytes:
        """Return the JSON of the answer."""
        return _encode(classifier.classify(self.text, self.threshold).as_dict())


class _Many(msgspec.Struct, forbid_unknown_fields=True):
    """The body of /v1/classify/batch."""

    texts: list[str]
    threshold: _Threshold = None
    explain = False

    def answer(self, classifier: Classifier) -> bytes:
        """Return the JSON of the answer."""
        predictions = classifier.classify_many(self.texts, self.threshold)
        return _encode({"predictions": [prediction.as_dict() for prediction in predictions]})


_Body = _One | _Many
_encode = msgspec.json.Encoder().encode
_DECODE: dict[str, Callable[[bytes], _Body]] = {
    "/v1/classify": msgspec.json.Decoder(_One).decode,
    "/v1/classify/batch": msgspec.json.Decoder(_Many).decode,
}


class HotRoutes:
    """An ASGI application in front of the one whose routes it answers for.

    Parameters
    ----------
    app
        What answers all that this does not.
    slot
        The model being served.
    settings
        The limits.
    """

    def __init__(self, app: ASGIApp, slot: ModelSlot, settings: Settings) -> None:
        self._app = app
        self._slot = slot
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on what was read."""
        decode = _DECODE.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        n_bytes = _json_length(scope) if decode is not None else None
        if decode is None or n_bytes is None or n_bytes > self._settings.max_body_bytes:
            await self._app(scope, receive, send)
            return
        message = await receive()
        if message["type"] != "http.request" or message.get("more_body", False):
            message = await _whole(message, receive)
        body = message.get("body", b"")
        answer = await self._answer(decode, body, n_bytes)
        if answer is None:
            await self._app(scope, _replay(message, receive), send)
            return
        headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, decode: Callable[[bytes], _Body], body: bytes, n_bytes: int) -> bytes | None:
        """Return the answer to a body, None where the documented route has to give it."""
        try:
            request = decode(body)
            classifier = self._slot.classifier
        except (msgspec.MsgspecError, UnicodeDecodeError, ModalityError):
            return None
        texts = request.texts
        if request.explain or not 0 < len(texts) <= self._settings.max_texts:
            return None
        for text in texts:
            if not text or text.isspace():
                return None
        if n_bytes <= LARGEST_IN_LOOP:
            return request.answer(classifier)
        return await asyncio.get_running_loop().run_in_executor(None, request.answer, classifier)


def _json_length(scope: Scope) -> int | None:
    """Return the declared length of a JSON body, None for any other."""
    length = kind = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value
        elif name == b"content-type":
            kind = value
    return int(length) if kind == b"application/json" and length is not None and length.isdigit() else None


async def _whole(message: Message, receive: Receive) -> Message:
    """Return a body that comes in parts as one message, or the message that its sender has gone."""
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return {"type": "http.request", "body": b"".join(parts), "more_body": False}
        message = await receive()
    return message


def _replay(message: Message, receive: Receive) -> Receive:
    """Return what gives a message that was read already, and then what comes."""
    waiting = [message]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
