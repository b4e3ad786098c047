"""The JSON of the native protocol, as validated and as documented under /docs."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

__all__ = [
    "BatchRequest",
    "BatchResponse",
    "ClassifyRequest",
    "ErrorBody",
    "ErrorResponse",
    "ExplanationResponse",
    "Health",
    "ModelResponse",
    "PredictionResponse",
    "Readiness",
]


def _string(value: Any) -> str:
    """Accept any string; pydantic's own check refuses lone surrogates, which people do send."""
    if not isinstance(value, str):
        raise ValueError(f"found {type(value).__name__}; expected a string")
    if not value or value.isspace():
        raise ValueError("is blank; expected a description of a task")
    return value


Text = Annotated[str, PlainValidator(_string), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})]
Threshold = Annotated[
    float | None,
    Field(ge=0, le=1, strict=True, description="Lowest confidence that counts as decided; null for the model's own."),
]


class _Request(BaseModel):
    """A body in which nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid")


class ClassifyRequest(_Request):
    """One description."""

    text: Annotated[Text, Field(description="What the person wrote.")]
    explain: Annotated[
        bool, Field(strict=True, description="Add the words and n-grams that spoke for the category.")
    ] = False
    threshold: Threshold = None


class BatchRequest(_Request):
    """Several descriptions."""

    texts: Annotated[list[Text], Field(min_length=1, description="Answered in this order.")]
    threshold: Threshold = None


class Need(BaseModel):
    """One category that has to run."""

    category: str
    confidence: float
    tools: list[str]


class Input(BaseModel):
    """One medium that the person brings along."""

    input: str
    confidence: float


class WordContribution(BaseModel):
    """What one word added to the log-odds."""

    word: str
    contribution: float


class NgramContribution(BaseModel):
    """What one n-gram added to the log-odds."""

    ngram: str
    kind: str
    contribution: float


class ExplanationResponse(BaseModel):
    """Why the category has its score: log_odds = bias + words = bias + ngrams + other_ngrams."""

    category: str
    log_odds: float
    bias: float
    words: list[WordContribution]
    ngrams: list[NgramContribution]
    other_ngrams: float


class PredictionResponse(BaseModel):
    """What the model says of one description."""

    category: str
    confidence: float
    modality: str
    needs: list[Need]
    inputs: list[Input]
    task: str | None
    decided: bool
    truncated: bool
    scores: dict[str, float]
    model: str
    explanation: ExplanationResponse | None = None


class BatchResponse(BaseModel):
    """One prediction for each text, in order."""

    predictions: list[PredictionResponse]


class ModelResponse(BaseModel):
    """The version being served."""

    version: str
    data: dict[str, Any]
    metrics: dict[str, float]
    categories: list[str]
    inputs: list[str]
    thresholds: dict[str, float]
    abstain_below: float


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Whether descriptions can be classified, and why not."""

    ready: bool
    model: str | None
    reason: str | None


class ErrorBody(BaseModel):
    """What was wrong: a name for programs, a sentence for people, and the field where there is one."""

    code: str
    message: str
    field: str | None


class ErrorResponse(BaseModel):
    """The body of every answer that is not 200."""

    error: ErrorBody
