"""Every refusal over HTTP has the same body: ``{"error": {"code", "message", "field"}}``."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from modality.errors import ModalityError, outcome_of

__all__ = ["error_response", "install_error_handlers"]


def error_response(
    status: int, code: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a refusal."""
    return JSONResponse({"error": {"code": code, "message": message, "field": field}}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error that a route can raise answer in the common form."""
    app.add_exception_handler(ModalityError, _on_modality_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_modality_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error raised on purpose."""
    assert isinstance(error, ModalityError)
    outcome = outcome_of(error)
    return error_response(outcome.status, outcome.name, str(error))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a body that is not what the route takes; the first fault is told."""
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    if fault["type"] == "json_invalid":
        return error_response(422, "invalid_json", f"body: not JSON ({fault['ctx']['error']})")
    field = _field(fault["loc"])
    return error_response(422, "invalid_request", f"{field or 'body'}: {_sentence(fault)}", field)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown path, wrong method, a body that cannot be decoded."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return error_response(422, "invalid_json", "body: not JSON in UTF-8")
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    message = f"{request.method} {request.url.path}: {error.detail}"
    return error_response(error.status_code, code, message, headers=dict(error.headers or {}))


def _field(location: Sequence[Any]) -> str | None:
    """Return ("body", "texts", 3) as "texts[3]"."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return path.removeprefix(".") or None


def _sentence(fault: dict[str, Any]) -> str:
    """Return what was found and expected, without repeating what may be a long or private text."""
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "too_long":
        return f"found {fault['ctx']['actual_length']}; expected at most {fault['ctx']['max_length']}"
    found = fault.get("input")
    if isinstance(found, bytes):
        return "not declared as JSON; expected the header content-type: application/json"
    kind = "" if found is None or isinstance(found, dict | list) else f", found {json.dumps(found)[:40]}"
    if isinstance(found, dict | list):
        kind = f", found {'an object' if isinstance(found, dict) else 'a list'}"
    return f"{fault['msg'][0].lower()}{fault['msg'][1:]}{'' if fault['type'] == 'missing' else kind}"
