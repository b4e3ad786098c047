"""The native protocol: /v1/classify, /v1/classify/batch, /v1/model, and the probes of an orchestrator."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.exceptions import RequestValidationError

from modality import Classifier, Explanation, ModalityError
from service.model_slot import ModelSlot
from service.schemas import (
    BatchRequest,
    BatchResponse,
    ClassifyRequest,
    ErrorResponse,
    Health,
    ModelResponse,
    PredictionResponse,
    Readiness,
)
from service.settings import Settings

__all__ = ["router"]

router = APIRouter()

_EXAMPLES: dict[str, Any] = {
    "two tools": {"value": {"text": "logo and a jingle for my bakery"}},
    "with an explanation": {"value": {"text": "what is in this photo?", "explain": True}},
}
_BATCH_EXAMPLES: dict[str, Any] = {
    "two descriptions": {"value": {"texts": ["glass shattering on concrete, close mic", "fix this regex: [a-z"]}},
}
_PREDICTION = {
    "category": "image",
    "confidence": 0.97,
    "modality": "image",
    "needs": [{"category": "image", "confidence": 0.98, "tools": ["DALL-E 3", "Midjourney", "Stable Diffusion"]}],
    "inputs": [{"input": "image", "confidence": 0.91}],
    "task": "image-to-image",
    "decided": True,
    "truncated": False,
    "scores": {"text": 0.02, "code": 0.0, "image": 0.98},
    "model": "20261124-3f9a1c",
}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's refusals."""
    what = {413: "The body is too large.", 422: "The body is not what is expected.", 503: "There is no usable model."}
    return {status: {"model": ErrorResponse, "description": what[status]} for status in statuses}


def _answer(example: Any) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's answer."""
    return {200: {"content": {"application/json": {"example": example}}}}


def _classifier(request: Request) -> Classifier:
    """Return the version being served."""
    slot: ModelSlot = request.app.state.slot
    return slot.classifier


@router.post(
    "/v1/classify",
    summary="Which tools one description needs",
    response_model=PredictionResponse,
    response_model_exclude_unset=True,
    responses={**_answer(_PREDICTION), **_refusals(413, 422, 503)},
)
async def classify(
    request: Request, body: Annotated[ClassifyRequest, Body(openapi_examples=_EXAMPLES)]
) -> dict[str, Any]:
    """Classify one description; with ``explain``, say which words and n-grams spoke for its category."""
    classifier = _classifier(request)
    answer = classifier.classify(body.text, body.threshold).as_dict()
    if body.explain:
        answer["explanation"] = _json_explanation(classifier.explain(body.text))
    return answer


@router.post(
    "/v1/classify/batch",
    summary="Which tools each of many descriptions needs",
    response_model=BatchResponse,
    response_model_exclude_unset=True,
    responses={**_answer({"predictions": [_PREDICTION]}), **_refusals(413, 422, 503)},
)
def classify_batch(
    request: Request, body: Annotated[BatchRequest, Body(openapi_examples=_BATCH_EXAMPLES)]
) -> dict[str, Any]:
    """Classify up to 1,024 descriptions; runs beside the event loop, so that other requests go on."""
    settings: Settings = request.app.state.settings
    if len(body.texts) > settings.max_texts:
        raise RequestValidationError(
            [
                {
                    "type": "too_long",
                    "loc": ("body", "texts"),
                    "ctx": {"actual_length": len(body.texts), "max_length": settings.max_texts},
                }
            ]
        )
    predictions = _classifier(request).classify_many(body.texts, body.threshold)
    return {"predictions": [prediction.as_dict() for prediction in predictions]}


_MODEL_EXAMPLE = {
    "version": "20261124-3f9a1c",
    "data": {"sha256": "9c1…", "n_rows": 11000},
    "metrics": {"accuracy": 0.79, "ece": 0.02},
    "categories": ["text", "code", "image"],
    "inputs": ["image", "audio"],
    "thresholds": {"text": 0.5, "input:image": 0.5},
    "abstain_below": 0.45,
}


@router.get("/v1/model", summary="The version being served", responses={**_answer(_MODEL_EXAMPLE), **_refusals(503)})
async def model(request: Request) -> ModelResponse:
    """Tell version, digest and counts of the training data, out-of-fold metrics, labels and thresholds."""
    manifest = _classifier(request).manifest
    return ModelResponse(
        version=manifest.version,
        data=manifest.data,
        metrics=manifest.metrics,
        categories=manifest.categories,
        inputs=manifest.inputs,
        thresholds=manifest.thresholds,
        abstain_below=manifest.abstain_below,
    )


@router.get("/healthz", summary="Whether the process answers", responses=_answer({"status": "ok"}))
async def healthz() -> Health:
    """Answer, whatever the state of the model."""
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Whether descriptions can be classified",
    responses={
        **_answer({"ready": True, "model": "20261124-3f9a1c", "reason": None}),
        503: {"model": Readiness, "description": "There is no usable model; the reason says how to mend it."},
    },
)
async def readyz(request: Request, response: Response) -> Readiness:
    """Say which version answers, or why none does."""
    try:
        return Readiness(ready=True, model=_classifier(request).manifest.version, reason=None)
    except ModalityError as error:
        response.status_code = 503
        return Readiness(ready=False, model=None, reason=str(error))


def _json_explanation(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON objects; lone surrogates, which JSON in UTF-8 cannot hold, become U+FFFD."""
    answer = explanation.as_dict()
    for key, items in (("word", answer["words"]), ("ngram", answer["ngrams"])):
        for item in items:
            item[key] = item[key].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return answer
