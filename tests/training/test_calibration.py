import numpy as np
import pytest

from training.calibration import fit_abstention, fit_calibration, fit_confidence, fit_thresholds, traffic_weights


def test_platt_scaling_finds_the_slope_and_intercept_that_made_the_labels():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(40_000, 1))
    labels = generator.uniform(size=(40_000, 1)) < 1 / (1 + np.exp(-(2 * values - 1)))
    slope, intercept = fit_calibration(values, labels, np.ones(40_000))[0]
    assert slope == pytest.approx(2, abs=0.1)
    assert intercept == pytest.approx(-1, abs=0.1)


def test_confidence_falls_with_a_rival():
    generator = np.random.default_rng(1)
    best = generator.uniform(0, 4, 5000)
    second = generator.uniform(-4, 0, 5000)
    logits = np.column_stack([best, second, np.full(5000, -9.0), np.full(5000, -3.0)]).astype(np.float32)
    right = generator.uniform(size=5000) < 1 / (1 + np.exp(-(best - second - 3)))
    weights = fit_confidence(logits, right, 3, np.ones(5000))
    assert weights[0] > 0.5
    assert weights[1] < -0.5


def test_the_threshold_is_where_f1_is_best():
    probabilities = np.array([[0.9], [0.8], [0.3], [0.2]], np.float32)
    labels = np.array([[1], [1], [0], [0]], bool)
    # Any threshold between 0.3 and 0.8 is perfect; the middle of the plateau is taken.
    assert fit_thresholds(probabilities, labels, np.ones_like(labels))[0] == pytest.approx(0.55, abs=0.02)


def test_the_undecided_budget_is_used_and_not_exceeded():
    confidence = np.linspace(0, 1, 1000).astype(np.float32)
    weights = np.where(np.arange(1000) < 500, 2.0, 0.5)
    none_fits = np.arange(1000) % 50 == 0
    threshold = fit_abstention(confidence, none_fits, weights, 0.1)
    undecided = none_fits | (confidence < threshold)
    assert 0.097 < weights[undecided].sum() / weights.sum() <= 0.1
    assert fit_abstention(confidence, none_fits, weights, 0.0) == 0.0
    assert fit_abstention(confidence, none_fits, weights, 1.0) == 1.0


def test_traffic_weights_give_each_kind_its_share():
    several = np.array([True] * 20 + [False] * 80)
    foreign = np.array([False] * 70 + [True] * 30)
    weights = traffic_weights([(several, 0.03), (foreign, 0.07)])
    assert weights[foreign].sum() / weights.sum() == pytest.approx(0.07)
    assert weights[several].sum() / weights.sum() == pytest.approx(0.03, abs=1e-4)
    assert weights.mean() == pytest.approx(1)


def test_a_kind_that_no_row_is_of_changes_nothing():
    assert traffic_weights([(np.zeros(4, bool), 0.5)]).tolist() == [1, 1, 1, 1]


def test_heavier_rows_count_for_more():
    values = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    labels = np.array([[False], [True], [True], [False]])
    slope, _ = fit_calibration(values, labels, np.array([1.0, 1.0, 0.2, 0.2]))[0]
    # Right and wrong weigh 1 to 0.2 on either side: the slope is ln 5.
    assert slope == pytest.approx(np.log(5), abs=0.01)
