"""From decision values to honest probabilities and thresholds, on out-of-fold predictions only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

__all__ = ["fit_abstention", "fit_calibration", "fit_confidence", "fit_thresholds"]

# A penalty this weak only keeps a perfectly separated label finite.
_WEAK_PENALTY_C = 1e3


def fit_calibration(decision_values: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit Platt scaling (Platt 1999) for each label.

    Parameters
    ----------
    decision_values
        Out of fold, shape (n_rows, n_labels).
    labels
        bool, the same shape.

    Returns
    -------
    NDArray
        Shape (n_labels, 2): slope and intercept; ``slope * value + intercept`` are log-odds.
    """
    return np.array(
        [_logistic(decision_values[:, [j]], labels[:, j]) for j in range(labels.shape[1])],
        np.float64,
    )


def fit_confidence(logits: NDArray[np.float32], right: NDArray[np.bool_], n_categories: int) -> NDArray[np.float64]:
    """Fit the log-odds of the likeliest category being right, on rows that need one.

    Parameters
    ----------
    logits
        Calibrated, out of fold, shape (n_rows, n_labels).
    right
        Shape (n_rows,): whether the likeliest category is the main one.
    n_categories
        How many of the labels are categories.

    Returns
    -------
    NDArray
        Shape (3,): weights of the best and the second log-odds, and the bias.
    """
    best = np.sort(logits[:, :n_categories], axis=1)[:, ::-1]
    return np.array(_logistic(best[:, :2], right))


def fit_thresholds(
    probabilities: NDArray[np.float32], labels: NDArray[np.bool_], decides: NDArray[np.bool_]
) -> list[float]:
    """Choose for each label the threshold with the best F1 where the threshold decides.

    Parameters
    ----------
    probabilities, labels
        Out of fold, shape (n_rows, n_labels).
    decides
        The same shape: where the threshold decides at all.

    Returns
    -------
    list of float
        One for each label, between 0.05 and 0.95.
    """
    grid = np.round(np.arange(0.05, 0.951, 0.01), 2)
    chosen = []
    for j in range(labels.shape[1]):
        rows = decides[:, j]
        gold = labels[rows, j]
        predicted = probabilities[rows][:, [j]] >= grid
        hits = (predicted & gold[:, None]).sum(axis=0)
        f1 = 2 * hits / np.maximum(predicted.sum(axis=0) + gold.sum(), 1)
        # The middle of the plateau around the best value: its edges are chance.
        chosen.append(float(np.median(grid[f1 >= f1.max() - 1e-3])))
    return chosen


def fit_abstention(
    confidence: NDArray[np.float32], none_fits: NDArray[np.bool_], is_none: NDArray[np.bool_], share: float
) -> float:
    """Choose the confidence below which a prediction counts as undecided: the lowest that suffices.

    Parameters
    ----------
    confidence
        Out of fold, shape (n_rows,).
    none_fits
        Shape (n_rows,): predicted to need no category, and so undecided whatever the confidence.
    is_none
        Shape (n_rows,): labelled so.
    share
        Share of the rows labelled so that shall be undecided, in [0, 1].
    """
    # A row that is undecided anyway asks for no threshold.
    asked = np.where(none_fits, 0.0, confidence)[is_none]
    return float(np.quantile(asked, share))


def _logistic(values: NDArray[np.floating], target: NDArray[np.bool_]) -> Sequence[float]:
    """Fit an unweighted logistic regression; return its weights and its bias."""
    model = LogisticRegression(C=_WEAK_PENALTY_C, tol=1e-8, max_iter=1000).fit(values, target)
    return [*model.coef_[0].tolist(), float(model.intercept_[0])]
