import dataclasses

import numpy as np
import pytest

from modality.decision import Decider
from modality.labels import Labels
from modality.taxonomy import label_keys
from training.dataset import Row
from training.evaluation import coverage, evaluate, evaluate_decisions, expected_calibration_error, format_report


@pytest.fixture
def measure(classifier, taxonomy):
    """Evaluate rows of (needs, inputs, accept) against log-odds by name."""
    manifest = dataclasses.replace(
        classifier.manifest,
        thresholds=dict.fromkeys(classifier.manifest.thresholds, 0.5),
        choice=np.eye(len(classifier.manifest.categories) + 1, len(classifier.manifest.calibration) + 1).tolist(),
        confidence=[1.0, 0.0, 0.0],
        abstain_below=0.6,
    )
    decider = Decider(manifest, taxonomy)
    names = label_keys(manifest.categories, manifest.inputs)

    def run(*cases):
        rows, logits = [], np.full((len(cases), len(names)), -5.0, np.float32)
        for i, (needs, inputs, accept, scores) in enumerate(cases):
            rows.append(Row("x", Labels(needs, inputs), "a.csv", i, accept))
            for name, value in scores.items():
                logits[i, names.index(name)] = value
        return evaluate_decisions(rows, decider.decide(logits), decider)

    return run


def test_every_metric_on_a_hand_worked_example(measure):
    found = measure(
        (("image",), ("image",), (), {"image": 2.0, "input:image": 1.0}),  # right, set right, input right
        (("text",), (), (), {"search": 1.0}),  # wrong
        (
            ("video", "sound"),
            (),
            (),
            {"video": 2.0, "sound": 1.0, "music": 1.0, "several": 1.0},
        ),  # right, set too large, undecided
        (("text",), (), (("search",),), {"search": 0.1}),  # right by the accepted reading
        ((), (), (), {"text": -1.0, "none": -0.5}),  # none, undecided
    )
    assert found.n_rows == 5
    assert found.overall["accuracy"] == 3 / 4
    # image 1, text 0, video 1; search has 1 hit, 1 false alarm and 1 counted row: f1 = 2 / 3
    assert found.overall["macro_f1"] == pytest.approx((1 + 0 + 1 + 2 / 3) / 4)
    assert found.overall["exact_set"] == 2 / 4
    # {video, sound} against {video, sound, music}: 2 * 2 / (2 + 3)
    assert found.overall["combination_f1"] == pytest.approx(0.8)
    assert found.overall["inputs_f1"] == 1.0
    assert found.overall["undecided"] == 1 / 4
    assert found.overall["none_undecided"] == 1.0
    # e**-1 against e**-0.5 of none and e**-5 of each other category
    assert found.overall["none_confidence"] == pytest.approx(1 / (1 + np.exp(0.5) + 9 * np.exp(-4)), abs=1e-6)
    # Surest first: right, wrong, right, right (0.99, 0.98, 0.94, 0.57).
    assert found.overall["coverage_at_99"] == 1 / 4
    assert found.per_category["search"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "count": 1.0}
    text, search = found.categories.index("text"), found.categories.index("search")
    assert found.confusion[text, search] == 1
    assert found.confusion.sum() == 4


def test_undefined_metrics_are_null_in_json_and_a_dash_in_print(measure):
    found = measure((("image",), (), (), {"image": 2.0}))
    assert found.as_dict()["overall"]["combination_f1"] is None
    assert "none_confidence  -" in format_report(found)


def test_calibration_error_of_fifteen_rows_is_their_mean_gap():
    confidence = np.linspace(0.2, 0.9, 15, dtype=np.float32)
    right = np.arange(15) % 2 == 0
    expected = np.mean(np.abs(confidence.astype(np.float64) - right))
    assert expected_calibration_error(confidence, right) == pytest.approx(expected)


def test_calibration_error_of_honest_confidence_is_small():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.3, 1, 20_000).astype(np.float32)
    assert expected_calibration_error(confidence, generator.uniform(size=20_000) < confidence) < 0.02


@pytest.mark.parametrize(
    ("right", "expected"), [([1, 1, 0, 1], 0.5), ([0, 0, 0, 0], 0.0), ([1, 1, 1, 1], 1.0), ([1, 0, 1, 1], 0.25)]
)
def test_coverage_ends_where_the_accuracy_is_last_reached(right, expected):
    confidence = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert coverage(confidence, np.array(right, bool), 0.99) == expected


def test_the_trained_model_is_measured_through_the_scorer(classifier, rows):
    found = evaluate(classifier, rows[:300])
    assert found.overall["accuracy"] > 0.9, "rows it was trained on"
    assert "accuracy" in format_report(found)
