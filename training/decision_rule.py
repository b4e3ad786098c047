"""What turns decision values into decisions, fitted on out-of-fold predictions alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modality.decision import Decisions
from modality.taxonomy import Taxonomy, label_keys
from training.calibration import (
    fit_abstention,
    fit_calibration,
    fit_choice,
    fit_confidence,
    fit_thresholds,
    log_odds_among_all,
    traffic_weights,
)
from training.dataset import Row, main_labels
from training.pipeline import Config

__all__ = ["calibrated", "fit_abstain_below", "fit_decision_rule", "reviewed"]


def fit_decision_rule(
    rows: Sequence[Row],
    labels: NDArray[np.bool_],
    decision_values: NDArray[np.float64],
    taxonomy: Taxonomy,
    config: Config,
) -> dict[str, Any]:
    """Return the manifest's fields calibration, choice, confidence and thresholds.

    Parameters
    ----------
    rows
        The corpus.
    labels
        bool of shape (n_rows, n_labels), from :func:`training.dataset.label_matrix`.
    decision_values
        Out of fold, the same shape.
    taxonomy
        The labels.
    config
        The assumed traffic.
    """
    n_categories = len(taxonomy.categories)
    weights = _weights(rows, config)
    calibration = np.round(fit_calibration(decision_values, labels, weights), 6)
    logits = calibrated(decision_values, calibration)
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    main = main_labels(rows, taxonomy)
    choice = np.round(fit_choice(logits, main, n_categories + 1, weights), 6)
    scores = logits @ choice[:, :-1].T + choice[:, -1]
    best = scores[:, :n_categories].argmax(axis=1)
    thresholds = fit_thresholds(probabilities, labels, np.ones_like(labels))
    # A category's threshold decides only where several are needed, and not on the main one.
    several = probabilities[:, n_categories + 1] >= thresholds[n_categories + 1]
    decides = np.repeat(several[:, None], n_categories, axis=1)
    decides[np.arange(len(labels)), best] = False
    thresholds[:n_categories] = fit_thresholds(probabilities[:, :n_categories], labels[:, :n_categories], decides)

    judged = reviewed(rows) & ~labels[:, n_categories]
    names = list(taxonomy.categories)
    right = np.array([row.accepts(names[k]) for row, k in zip(rows, best, strict=True)])
    among_all = log_odds_among_all(scores, best)[judged]
    own = logits[np.arange(len(logits)), best][judged]
    confidence = np.round(fit_confidence(among_all, own, right[judged], weights[judged]), 6)
    return {
        "calibration": calibration.tolist(),
        "choice": choice.tolist(),
        "confidence": confidence.tolist(),
        "thresholds": dict(zip(label_keys(names, taxonomy.inputs), np.round(thresholds, 4).tolist(), strict=True)),
    }


def fit_abstain_below(rows: Sequence[Row], decisions: Decisions, config: Config) -> float:
    """Return the abstention threshold that uses the budget of undecided rows.

    Parameters
    ----------
    rows
        The corpus.
    decisions
        Out of fold, on the same rows.
    config
        The assumed traffic and the budget.
    """
    judged = reviewed(rows) & np.array([bool(row.labels.needs) for row in rows])
    none_fits = decisions.none_fits[judged]
    return fit_abstention(
        decisions.confidence[judged], none_fits, _weights(rows, config)[judged], config.undecided_budget
    )


def calibrated(decision_values: NDArray[np.float64], calibration: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return calibrated log-odds, shape (n_rows, n_labels)."""
    logits: NDArray[np.float32] = (decision_values * calibration[:, 0] + calibration[:, 1]).astype(np.float32)
    return logits


def reviewed(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """Say which rows are of files whose other honest readings were recorded; all rows if none is.

    A prediction that equals another honest reading is right, and only such files tell which do. On the
    others, confidence would be fitted to a stricter notion of being right than people have.
    """
    files = {row.file for row in rows if row.accept}
    return np.array([not files or row.file in files for row in rows])


def _weights(rows: Sequence[Row], config: Config) -> NDArray[np.float64]:
    """Return the rows' weights in the assumed traffic."""
    return traffic_weights(
        [
            (np.array([len(row.labels.needs) > 1 for row in rows]), config.several_share),
            (np.array([row.lang not in ("", "en") for row in rows]), config.other_language_share),
        ]
    )
