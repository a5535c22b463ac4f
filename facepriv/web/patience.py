"""Clients that stop half way: a request that does not come in time is ended, one that is broken off leaves no trace.

Whoever holds many connections open with half a request each would otherwise use up a server's connections.
"""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0
"""How long the head of a request may take from the first byte of a connection, or of the next request on it."""
BODY_SECONDS = 30.0
"""How long the next part of a request's body may take; an upload as a whole may take longer."""


class _TooSlowError(Exception):
    """A part of a body did not come in time."""


class Patience:
    """Pure ASGI middleware that ends requests whose body stops coming, without a traceback in the log."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request; answer 408 if its body does not come, and nothing to a client that has left."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_whole = has_begun = False

        async def receive_in_time() -> Message:
            nonlocal is_whole
            if is_whole:
                return await receive()  # until the client leaves
            try:
                part = await asyncio.wait_for(receive(), self._seconds)
            except TimeoutError as error:
                raise _TooSlowError from error
            is_whole = not part.get("more_body", False)
            return part

        async def note_answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive_in_time, note_answer)
        except ClientDisconnect:
            return
        except _TooSlowError:
            if not has_begun:
                answer = PlainTextResponse("The request did not come to its end.", 408, headers={"Connection": "close"})
                await answer(scope, receive, send)


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, which closes a connection on which the head of a request does not come to its end."""

    header_seconds = HEADER_SECONDS
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        """Take bytes; wait on if they are no whole head of a request."""
        super().data_received(data)
        self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _is_waiting(self) -> bool:
        """Return whether no request is being answered, and the connection has not become a WebSocket."""
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle and not self.transport.is_closing() and self.transport.get_protocol() is self

    def _wait_or_not(self) -> None:
        if not self._is_waiting():
            self._stop()
        elif self._watch is None:
            self._watch = self.loop.call_later(self.header_seconds, self._give_up)

    def _give_up(self) -> None:
        self._watch = None
        if self._is_waiting():
            self.transport.close()

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
