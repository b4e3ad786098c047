"""What a run is asked to do, what it did, and the predictions that every format adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modality import Classifier
from modality.classifier import MAX_CHARS

__all__ = ["FORMATS", "PREDICTION_COLUMNS", "STANDARD_STREAM", "Columns", "Job", "Summary", "format_of", "predict"]

FORMATS = ("csv", "jsonl", "lines")
STANDARD_STREAM = Path("-")
PREDICTION_COLUMNS = ("category", "confidence", "predicted_needs", "predicted_inputs", "decided")


@dataclass(frozen=True)
class Job:
    """What to read, how, and where to.

    Attributes
    ----------
    source, target
        Files, or ``-`` for the standard streams.
    format
        One of ``FORMATS``.
    column
        Of CSV, or key of JSON Lines, that holds the description.
    delimiter
        Of CSV; None to find it out from the header.
    encoding
        Of the source, as Python names it; output is always UTF-8.
    """

    source: Path
    target: Path
    format: str
    column: str = "text"
    delimiter: str | None = None
    encoding: str = "utf-8"


@dataclass
class Summary:
    """What a run did."""

    n_rows: int = 0
    n_blank: int = 0
    n_undecided: int = 0
    n_truncated: int = 0


@dataclass(frozen=True)
class Columns:
    """Predictions for a block of rows, a blank row's empty."""

    category: list[str]
    confidence: list[float | None]
    needs: list[str]
    inputs: list[str]
    decided: list[bool | None]


def format_of(path: Path) -> str:
    """Return the format that a file's name says: ``.jsonl`` and ``.ndjson``, ``.txt``, else CSV.

    >>> format_of(Path("tasks.ndjson"))
    'jsonl'
    """
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "lines"}.get(path.suffix.lower(), "csv")


def predict(classifier: Classifier, texts: Sequence[str | None], summary: Summary) -> Columns:
    """Return predictions for a block of rows and count what happened."""
    present = [i for i, text in enumerate(texts) if text and not text.isspace()]
    prompts = [texts[i] or "" for i in present]
    columns = Columns([""] * len(texts), [None] * len(texts), [""] * len(texts), [""] * len(texts), [None] * len(texts))
    decider = classifier.decider
    decisions = classifier.decide(prompts)
    decided = decider.decided(decisions)
    for k, i in enumerate(present):
        needs = decider.needs(decisions, k)
        columns.category[i] = needs[0]
        columns.needs[i] = "+".join(needs)
        columns.inputs[i] = "+".join(decider.listed_inputs(decisions, k))
        columns.confidence[i] = round(float(decisions.confidence[k]), 6)
        columns.decided[i] = bool(decided[k])
    summary.n_blank += len(texts) - len(present)
    summary.n_undecided += int((~decided).sum())
    summary.n_truncated += sum(len(prompt) > MAX_CHARS for prompt in prompts)
    return columns
