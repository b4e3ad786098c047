"""How good predictions are: the metrics, their definitions, and how they are printed.

A prediction's *main category* is right if it is the first category of ``needs`` or of an accepted
reading; its *set* if it equals one of them. Rows that need no category (``none``) have no main category
to get right: they are left out of all metrics but those named after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modality.classifier import Classifier
from modality.decision import Decider, Decisions
from training.dataset import Row

__all__ = ["Evaluation", "evaluate", "evaluate_decisions", "expected_calibration_error", "format_report"]

N_BINS = 15
COVERAGE_ACCURACY = 0.99


@dataclass(frozen=True)
class Evaluation:
    """The metrics on n rows.

    Attributes
    ----------
    overall
        Name to value: accuracy, macro_f1, exact_set, combination_f1, inputs_f1, ece, coverage_at_99,
        undecided (share of the rows that have a category), none_undecided and none_confidence.
    per_category
        Category to precision, recall, F1 and count.
    confusion
        int64, shape (n_categories, n_categories): needed (rows) against predicted (columns), an accepted
        reading counted as the needed one.
    categories
        In the order of ``confusion``.
    n_rows
        How many rows, those that need no category included.
    """

    overall: dict[str, float]
    per_category: dict[str, dict[str, float]]
    confusion: NDArray[np.int64]
    categories: tuple[str, ...]
    n_rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready objects; undefined values are None."""
        return {
            "n_rows": self.n_rows,
            "overall": {name: _json_number(value) for name, value in self.overall.items()},
            "per_category": {
                name: {key: _json_number(value) for key, value in values.items()}
                for name, values in self.per_category.items()
            },
            "confusion": {"categories": list(self.categories), "needed_by_predicted": self.confusion.tolist()},
        }


def evaluate(classifier: Classifier, rows: Sequence[Row]) -> Evaluation:
    """Classify the rows' prompts and measure."""
    decisions = classifier.decide([row.prompt for row in rows])
    return evaluate_decisions(rows, decisions, classifier.decider)


def evaluate_decisions(rows: Sequence[Row], decisions: Decisions, decider: Decider) -> Evaluation:
    """Measure decisions against the labels of the same rows, in the same order."""
    categories = decider.categories
    needs = [decider.needs(decisions, i) for i in range(len(rows))]
    inputs = [decider.listed_inputs(decisions, i) for i in range(len(rows))]
    has = np.array([bool(row.labels.needs) for row in rows], np.bool_)
    # An accepted reading whose first category was predicted counts as the needed one.
    gold = [_counted_reading(row, predicted[0]) for row, predicted in zip(rows, needs, strict=True)]
    right = np.array([bool(g) and g == p[0] for g, p in zip(gold, needs, strict=True)], np.bool_)
    confidence = decisions.confidence
    confusion = np.zeros((len(categories), len(categories)), np.int64)
    for needed, predicted in zip(gold, needs, strict=True):
        if needed:
            confusion[categories.index(needed), categories.index(predicted[0])] += 1
    per_category = _per_category(confusion, categories)
    decided = decider.decided(decisions)
    seen = [values["f1"] for values in per_category.values() if values["count"]]
    overall = {
        "accuracy": _mean(right[has]),
        "macro_f1": _mean(np.array(seen)),
        "exact_set": _mean(np.array([_exact(row, p) for row, p in zip(rows, needs, strict=True) if row.labels.needs])),
        "combination_f1": _combination_f1(rows, needs),
        "inputs_f1": _micro_f1([set(row.labels.inputs) for row in rows], [set(names) for names in inputs]),
        "ece": expected_calibration_error(confidence[has], right[has]),
        "coverage_at_99": coverage(confidence[has], right[has], COVERAGE_ACCURACY),
        "undecided": _mean(~decided[has]),
        "none_undecided": _mean(~decided[~has]),
        "none_confidence": _mean(confidence[~has]),
    }
    return Evaluation(overall, per_category, confusion, categories, len(rows))


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error in 15 bins of equal size (Naeini et al. 2015, adaptive bins).

    Parameters
    ----------
    confidence, right
        Of equal length; NaN is returned for none.
    """
    if not len(confidence):
        return float("nan")
    bins = np.array_split(np.argsort(confidence, kind="stable"), N_BINS)
    gaps = (len(b) * abs(confidence[b].mean(dtype=np.float64) - right[b].mean()) for b in bins if len(b))
    return float(sum(gaps) / len(confidence))


def coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_], accuracy: float) -> float:
    """Return the largest share of rows, surest first, over which the accuracy is still reached.

    >>> coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]), 0.7)
    1.0
    """
    if not len(confidence):
        return float("nan")
    in_order = right[np.argsort(-confidence, kind="stable")]
    running = np.cumsum(in_order) / np.arange(1, len(in_order) + 1)
    reached = np.flatnonzero(running >= accuracy)
    return float((reached[-1] + 1) / len(in_order)) if len(reached) else 0.0


def format_report(evaluation: Evaluation) -> str:
    """Return the metrics as a table for a terminal."""
    lines = [f"{evaluation.n_rows} rows", ""]
    lines += [f"{name:<16} {_shown(value)}" for name, value in evaluation.overall.items()]
    lines += ["", f"{'category':<10} {'precision':>9} {'recall':>7} {'f1':>7} {'count':>7}"]
    for name, v in evaluation.per_category.items():
        lines.append(
            f"{name:<10} {_shown(v['precision']):>9} {_shown(v['recall']):>7} {_shown(v['f1']):>7} {v['count']:>7.0f}"
        )
    width = max(len(name) for name in evaluation.categories)
    lines += [
        "",
        "needed (down) by predicted (across)",
        " " * width + "".join(f" {n[:8]:>8}" for n in evaluation.categories),
    ]
    for name, counts in zip(evaluation.categories, evaluation.confusion.tolist(), strict=True):
        lines.append(f"{name:<{width}}" + "".join(f" {count:>8}" for count in counts))
    return "\n".join(lines)


def _counted_reading(row: Row, predicted: str) -> str:
    """Return the first category of the reading that the prediction is counted against, "" for none."""
    if not row.labels.needs:
        return ""
    return predicted if row.accepts(predicted) else row.labels.needs[0]


def _exact(row: Row, predicted: Sequence[str]) -> bool:
    """Say whether the predicted set is that of a reading."""
    return any(set(reading) == set(predicted) for reading in row.readings)


def _combination_f1(rows: Sequence[Row], needs: Sequence[Sequence[str]]) -> float:
    """Return the micro-F1 of sets over rows that need two categories or more."""
    pairs = [(set(row.labels.needs), set(p)) for row, p in zip(rows, needs, strict=True) if len(row.labels.needs) > 1]
    return _micro_f1([gold for gold, _ in pairs], [predicted for _, predicted in pairs])


def _micro_f1(gold: Sequence[set[str]], predicted: Sequence[set[str]]) -> float:
    """Return 2 * hits / (gold + predicted), NaN where there is neither."""
    hits = sum(len(g & p) for g, p in zip(gold, predicted, strict=True))
    total = sum(map(len, gold)) + sum(map(len, predicted))
    return 2 * hits / total if total else float("nan")


def _per_category(confusion: NDArray[np.int64], categories: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and count of each category."""
    table = {}
    for k, name in enumerate(categories):
        hits, n_gold, n_predicted = confusion[k, k], confusion[k].sum(), confusion[:, k].sum()
        table[name] = {
            "precision": float(hits / n_predicted) if n_predicted else float("nan"),
            "recall": float(hits / n_gold) if n_gold else float("nan"),
            "f1": float(2 * hits / (n_gold + n_predicted)) if n_gold + n_predicted else float("nan"),
            "count": float(n_gold),
        }
    return table


def _mean(values: NDArray[Any]) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")


def _json_number(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return None if np.isnan(value) else round(value, 6)


def _shown(value: float) -> str:
    """Return a metric as people read it."""
    return "-" if np.isnan(value) else f"{value:.3f}"
