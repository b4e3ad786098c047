"""Rows whose label the model contradicts with confidence, though it has not seen them: worth a second look."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modality.decision import Decisions
from modality.labels import format_names
from training.dataset import Row

__all__ = ["SUSPECT_CONFIDENCE", "Suspect", "find_suspects", "write_suspects"]

SUSPECT_CONFIDENCE = 0.8


@dataclass(frozen=True)
class Suspect:
    """A row, the category that was predicted out of fold, and its confidence."""

    row: Row
    predicted: str
    confidence: float


def find_suspects(rows: Sequence[Row], decisions: Decisions, categories: Sequence[str]) -> list[Suspect]:
    """Return the rows that are wrong with confidence, the surest first.

    Parameters
    ----------
    rows
        The corpus.
    decisions
        Out of fold, on the same rows.
    categories
        In the order of the model.
    """
    found = []
    for i, row in enumerate(rows):
        predicted, confidence = categories[int(decisions.main[i])], float(decisions.confidence[i])
        if confidence > SUSPECT_CONFIDENCE and not row.accepts(predicted):
            found.append(Suspect(row, predicted, confidence))
    return sorted(found, key=lambda suspect: -suspect.confidence)


def write_suspects(path: Path, suspects: Sequence[Suspect]) -> None:
    """Write suspects as CSV: file, line, text, needs, inputs, predicted, confidence."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "line", "text", "needs", "inputs", "predicted", "confidence"])
        for suspect in suspects:
            row = suspect.row
            needs = format_names(row.labels.needs) or "none"
            labels = [needs, format_names(row.labels.inputs), suspect.predicted, f"{suspect.confidence:.3f}"]
            writer.writerow([row.file, row.line, row.prompt, *labels])
