import numpy as np
import pytest

from training.calibration import fit_abstention, fit_calibration, fit_confidence, fit_thresholds


def test_platt_scaling_finds_the_slope_and_intercept_that_made_the_labels():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(40_000, 1))
    labels = generator.uniform(size=(40_000, 1)) < 1 / (1 + np.exp(-(2 * values - 1)))
    slope, intercept = fit_calibration(values, labels)[0]
    assert slope == pytest.approx(2, abs=0.1)
    assert intercept == pytest.approx(-1, abs=0.1)


def test_confidence_falls_with_a_rival():
    generator = np.random.default_rng(1)
    best = generator.uniform(0, 4, 5000)
    second = generator.uniform(-4, 0, 5000)
    logits = np.column_stack([best, second, np.full(5000, -9.0), np.full(5000, -3.0)]).astype(np.float32)
    right = generator.uniform(size=5000) < 1 / (1 + np.exp(-(best - second - 3)))
    weights = fit_confidence(logits, right, n_categories=3)
    assert weights[0] > 0.5
    assert weights[1] < -0.5


def test_the_threshold_is_where_f1_is_best():
    probabilities = np.array([[0.9], [0.8], [0.3], [0.2]], np.float32)
    labels = np.array([[1], [1], [0], [0]], bool)
    # Any threshold between 0.3 and 0.8 is perfect; the middle of the plateau is taken.
    assert fit_thresholds(probabilities, labels, np.ones_like(labels))[0] == pytest.approx(0.55, abs=0.02)


def test_so_large_a_share_of_none_rows_is_undecided():
    confidence = np.linspace(0, 1, 1001).astype(np.float32)
    is_none = np.arange(1001) % 2 == 1
    none_fits = is_none & (np.arange(1001) % 3 == 0)
    threshold = fit_abstention(confidence, none_fits, is_none, 0.9)
    undecided = none_fits | (confidence < threshold)
    assert np.mean(undecided[is_none]) == pytest.approx(0.9, abs=0.01)
    assert fit_abstention(confidence, is_none, is_none, 0.9) == 0.0
