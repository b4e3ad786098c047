"""From decision values to honest probabilities and thresholds, on out-of-fold predictions only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

__all__ = [
    "fit_abstention",
    "fit_calibration",
    "fit_choice",
    "fit_confidence",
    "fit_thresholds",
    "log_odds_among_all",
    "traffic_weights",
]

# A penalty this weak only keeps a perfectly separated label finite.
_WEAK_PENALTY_C = 1e3
_CHOICE_C = 0.1
_FITTING_ROUNDS = 20


def traffic_weights(strata: Sequence[tuple[NDArray[np.bool_], float]]) -> NDArray[np.float64]:
    """Weigh rows so that kinds of which a corpus has many count as often as they are met in use.

    Iterative proportional fitting (Deming and Stephan 1940).

    Parameters
    ----------
    strata
        For each kind, which rows are of it, shape (n_rows,), and its share of the traffic, in (0, 1).
        A kind with no row, or with all, is left as it is.

    Returns
    -------
    NDArray
        Shape (n_rows,), with mean 1.
    """
    weights = np.ones(len(strata[0][0]))
    for of_kind, share in list(strata) * _FITTING_ROUNDS:
        found = weights[of_kind].sum() / weights.sum()
        if 0 < found < 1:
            weights *= np.where(of_kind, share / found, (1 - share) / (1 - found))
    mean: np.float64 = weights.mean()
    return weights / mean


def fit_calibration(
    decision_values: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit Platt scaling (Platt 1999) for each label.

    Parameters
    ----------
    decision_values
        Out of fold, shape (n_rows, n_labels).
    labels
        bool, the same shape.
    weights
        Of the rows, shape (n_rows,).

    Returns
    -------
    NDArray
        Shape (n_labels, 2): slope and intercept; ``slope * value + intercept`` are log-odds.
    """
    return np.array(
        [_logistic(decision_values[:, [j]], labels[:, j], weights) for j in range(labels.shape[1])],
        np.float64,
    )


def fit_choice(
    logits: NDArray[np.float32], main: NDArray[np.int64], n_classes: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a multinomial logistic regression of the main category on all log-odds ("matrix scaling", Guo et al. 2017).

    Parameters
    ----------
    logits
        Calibrated, out of fold, shape (n_rows, n_labels).
    main
        Each row's main category, ``n_classes - 1`` for none; shape (n_rows,).
    n_classes
        Of the categories and none.
    weights
        Of the rows, shape (n_rows,).

    Returns
    -------
    NDArray
        Shape (n_classes, n_labels + 1): weights of the log-odds, and a bias.
    """
    model = LogisticRegression(C=_CHOICE_C, max_iter=1000).fit(logits, main, sample_weight=weights)
    fitted = np.zeros((n_classes, logits.shape[1] + 1))
    # Of two classes scikit-learn fits the second alone.
    fitted[model.classes_[-len(model.coef_) :]] = np.column_stack([model.coef_, model.intercept_])
    return fitted


def log_odds_among_all(scores: NDArray[np.float64], which: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-odds of one class of each row, by the softmax of all.

    Parameters
    ----------
    scores
        Shape (n_rows, n_classes).
    which
        Shape (n_rows,).
    """
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, which] = -np.inf
    log_odds: NDArray[np.float64] = scores[rows, which] - logsumexp(others, axis=1)
    return log_odds


def fit_confidence(
    among_all: NDArray[np.float64], own: NDArray[np.float32], right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the log-odds of the main category being right, on rows that need one.

    Parameters
    ----------
    among_all
        The main category's log-odds among all, out of fold, shape (n_rows,).
    own
        Its own log-odds, shape (n_rows,).
    right
        Shape (n_rows,): whether it is the main one, or that of another honest reading.
    weights
        Of the rows, shape (n_rows,).

    Returns
    -------
    NDArray
        Shape (3,): weights of the two log-odds, and the bias.
    """
    return np.array(_logistic(np.column_stack([among_all, own]), right, weights))


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
    confidence: NDArray[np.float64], none_fits: NDArray[np.bool_], weights: NDArray[np.float64], budget: float
) -> float:
    """Choose the confidence below which a prediction counts as undecided: the highest within a budget.

    Parameters
    ----------
    confidence
        Out of fold, shape (n_rows,), of rows that need a category.
    none_fits
        Shape (n_rows,): predicted to need none, and so undecided whatever the confidence.
    weights
        Of the rows, shape (n_rows,).
    budget
        Largest share of these rows that may be undecided, in [0, 1].
    """
    order = np.argsort(confidence, kind="stable")
    # Raising the threshold above a row costs its weight, unless it is undecided already.
    cost = np.where(none_fits, 0.0, weights)[order]
    spent = (weights[none_fits].sum() + np.cumsum(cost)) / weights.sum()
    affordable = int(np.searchsorted(spent, budget, side="right"))
    return float(confidence[order[affordable]]) if affordable < len(order) else 1.0


def _logistic(values: NDArray[np.floating], target: NDArray[np.bool_], weights: NDArray[np.float64]) -> Sequence[float]:
    """Fit a logistic regression; return its weights and its bias."""
    model = LogisticRegression(C=_WEAK_PENALTY_C, tol=1e-8, max_iter=1000).fit(values, target, sample_weight=weights)
    return [*model.coef_[0].tolist(), float(model.intercept_[0])]
