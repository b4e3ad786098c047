import numpy as np
import pytest

from modality.labels import Labels
from modality.taxonomy import label_keys
from tests.conftest import SMALL
from training.dataset import Row, label_matrix
from training.decision_rule import fit_decision_rule, reviewed


def row(needs, file="a.csv", accept=(), lang="", inputs=()):
    return Row("x", Labels(needs, inputs), file, 2, accept, lang=lang)


def test_only_files_with_other_readings_are_reviewed_and_all_where_there_is_none():
    rows = [row(("text",)), row(("code",), accept=(("text",),)), row(("image",), file="b.csv")]
    assert reviewed(rows).tolist() == [True, True, False]
    assert reviewed([rows[0], rows[2]]).tolist() == [True, True]


@pytest.fixture
def problem(taxonomy):
    """Rows with every label, and noisy decision values that often say another one."""
    generator = np.random.default_rng(0)
    rows = [row(("text",) if i % 2 else ("search",), accept=()) for i in range(600)]
    rows += [row((name,)) for name in taxonomy.categories for _ in range(20)]
    rows += [row(("text",), inputs=(name,)) for name in taxonomy.inputs for _ in range(20)]
    rows += [row((), file="none.csv") for _ in range(60)]
    rows += [row(("image", "music"), file="pairs.csv") for _ in range(60)]
    labels = label_matrix(rows, taxonomy)
    values = np.where(labels, 1.5, -1.5) + generator.normal(scale=1.0, size=labels.shape)
    return rows, labels, values


def test_the_rule_has_a_number_for_every_label(problem, taxonomy):
    rows, labels, values = problem
    rule = fit_decision_rule(rows, labels, values, taxonomy, SMALL)
    keys = label_keys(list(taxonomy.categories), taxonomy.inputs)
    assert list(rule["thresholds"]) == keys
    assert len(rule["calibration"]) == len(keys)
    assert rule["confidence"][0] > 0
    assert np.shape(rule["choice"]) == (len(taxonomy.categories) + 1, len(keys) + 1)


def test_other_honest_readings_raise_the_confidence(problem, taxonomy):
    rows, labels, values = problem
    strict = fit_decision_rule(rows, labels, values, taxonomy, SMALL)
    with_readings = [row(r.labels.needs, accept=(("text",), ("search",))) if r.labels.needs else r for r in rows]
    lenient = fit_decision_rule(with_readings, labels, values, taxonomy, SMALL)

    def chance(rule):
        x = rule["confidence"] @ np.array([2.0, 1.0, 1.0])
        return 1 / (1 + np.exp(-x))

    assert chance(lenient) > chance(strict)
