"""The HTTP application, made from its settings."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from service import native
from service.body_limit import BodyLimit
from service.hot_routes import HotRoutes
from service.http_errors import install_error_handlers
from service.model_slot import ModelSlot
from service.settings import Settings

__all__ = ["Application", "create_app"]


class Application(FastAPI):
    """FastAPI with two of its routes answered before its own way begins."""

    hot_routes: HotRoutes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.hot_routes is None:
            await super().__call__(scope, receive, send)
        else:
            await self.hot_routes(scope, receive, send)


def create_app(settings: Settings) -> Application:
    """Return the application; the model is loaded, and its kernels warmed by its probes, when it starts.

    Parameters
    ----------
    settings
        Read once, by the caller.
    """
    slot = ModelSlot(settings.models, settings.catalogue)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        slot.load()
        # What is there now lives as long as the process; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()

    app = Application(
        title="prompt-modality",
        summary="Given a free-text task description: which kind of tool it needs, how sure we are, and why.",
        lifespan=lifespan,
    )
    app.state.slot = slot
    app.state.settings = settings
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.include_router(native.router)
    install_error_handlers(app)
    app.hot_routes = HotRoutes(super(Application, app).__call__, slot, settings)
    return app
