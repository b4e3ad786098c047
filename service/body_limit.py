"""ASGI middleware: a body over the limit is refused before it is read to its end."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http_errors import error_response

__all__ = ["BodyLimit"]


class BodyLimit:
    """Answers 413 to bodies over ``max_bytes``, whether or not they declare their length."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within the limit and hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        messages: list[Message] = []
        n_bytes = 0
        while True:
            message = await receive()
            messages.append(message)
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._max_bytes:
                await self._refuse(scope, receive, send)
                return
            if message["type"] != "http.request" or not message.get("more_body", False):
                break

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413."""
        message = f"body: over {self._max_bytes} bytes; expected at most {self._max_bytes}"
        await error_response(413, "body_too_large", message, headers={"connection": "close"})(scope, receive, send)
