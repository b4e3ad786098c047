import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import FeatureUnion

from tests.conftest import SMALL
from training.dataset import label_matrix, main_labels
from training.pipeline import Config, build, fit_all

WITHOUT_COPIES = Config(n_folds=2, copies=0.0)


@pytest.fixture(scope="module")
def corpus(rows, taxonomy):
    some = rows[::4]
    labels = label_matrix(some, taxonomy)[:, :4]
    return [row.prompt for row in some], labels, main_labels(some, taxonomy), [row.file for row in some]


def counted_anew():
    return FeatureUnion(
        [
            ("word", TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True, dtype=np.float32)),
            (
                "char",
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=4, sublinear_tf=True, dtype=np.float32),
            ),
        ]
    )


def test_n_grams_counted_once_give_what_each_fold_would_have_counted_itself(corpus):
    prompts, labels, main, groups = corpus
    pipeline, decision_values = fit_all(*corpus, config=WITHOUT_COPIES, progress=False)
    everything = counted_anew()
    learner = build(WITHOUT_COPIES).named_steps["labels"]
    vectors = everything.fit_transform(prompts)
    names = [features.get_feature_names_out().tolist() for features in (pipeline.named_steps["features"], everything)]
    assert names[0] == names[1]
    np.testing.assert_allclose(
        pipeline.decision_function(prompts[:50]),
        learner.fit(vectors, labels.astype(np.int8)).decision_function(vectors[:50]),
        atol=1e-5,
    )
    folds = StratifiedGroupKFold(2, shuffle=True, random_state=WITHOUT_COPIES.seed)
    for train, test in folds.split(prompts, main, groups):
        features = counted_anew()
        vectors = features.fit_transform([prompts[i] for i in train])
        learner.fit(vectors, labels[train].astype(np.int8))
        expected = learner.decision_function(features.transform([prompts[i] for i in test]))
        np.testing.assert_allclose(decision_values[test], expected, atol=1e-5)


def test_copies_change_the_coefficients_but_not_the_vocabulary(corpus):
    without, values = fit_all(*corpus, config=WITHOUT_COPIES, progress=False)
    with_copies, other_values = fit_all(*corpus, config=SMALL, progress=False)
    names = [p.named_steps["features"].get_feature_names_out().tolist() for p in (without, with_copies)]
    assert names[0] == names[1]
    coefficients = [p.named_steps["labels"].estimators_[0].coef_ for p in (without, with_copies)]
    assert not np.allclose(*coefficients)
    assert not np.allclose(values, other_values)
