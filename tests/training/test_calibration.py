import numpy as np
import pytest

from training.calibration import (
    fit_abstention,
    fit_calibration,
    fit_choice,
    fit_confidence,
    fit_thresholds,
    log_odds_among_all,
    traffic_weights,
)


def test_platt_scaling_finds_the_slope_and_intercept_that_made_the_labels():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(40_000, 1))
    labels = generator.uniform(size=(40_000, 1)) < 1 / (1 + np.exp(-(2 * values - 1)))
    slope, intercept = fit_calibration(values, labels, np.ones(40_000))[0]
    assert slope == pytest.approx(2, abs=0.1)
    assert intercept == pytest.approx(-1, abs=0.1)


def test_the_choice_finds_what_another_label_tells():
    generator = np.random.default_rng(1)
    main = generator.integers(0, 3, 5000)
    logits = generator.normal(size=(5000, 4)).astype(np.float32)
    logits[np.arange(5000), main] += 1.0
    logits[:, 3] += np.where(main == 2, 2.0, -2.0)  # an input, say, that comes with class 2
    choice = fit_choice(logits, main, 4, np.ones(5000))
    assert choice.shape == (4, 5)
    assert choice[2, 3] > 1.0 > choice[0, 3]
    assert not choice[3].any()
    scores = logits @ choice[:, :-1].T + choice[:, -1]
    assert (scores[:, :3].argmax(axis=1) == main).mean() > (logits[:, :3].argmax(axis=1) == main).mean() + 0.1


def test_log_odds_among_all_are_those_of_the_softmax():
    scores = np.array([[2.0, 1.0, -1.0], [0.0, 800.0, 0.0]])
    chance = np.exp(2) / (np.exp(2) + np.exp(1) + np.exp(-1))
    found = log_odds_among_all(scores, np.array([0, 1]))
    assert found[0] == pytest.approx(np.log(chance / (1 - chance)))
    assert found[1] == pytest.approx(800 - np.log(2))


def test_confidence_grows_with_the_log_odds_and_is_honest():
    generator = np.random.default_rng(1)
    among_all, own = generator.normal(1, 2, 20_000), generator.normal(1, 2, 20_000).astype(np.float32)
    right = generator.uniform(size=20_000) < 1 / (1 + np.exp(-(0.8 * among_all + 0.3 * own - 0.5)))
    assert fit_confidence(among_all, own, right, np.ones(20_000)) == pytest.approx([0.8, 0.3, -0.5], abs=0.06)


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
