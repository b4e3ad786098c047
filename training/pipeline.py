"""The scikit-learn pipeline: what it is made of, and how it is fitted once and fold by fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from tqdm import tqdm

from training.augmentation import altered, read_carriers

__all__ = ["Config", "build", "fit", "fit_all"]


@dataclass(frozen=True)
class Config:
    """What can be chosen about the model; ``training/README.md`` says what each choice brought.

    Attributes
    ----------
    max_words
        Longest word n-gram.
    shortest, longest
        Lengths of the character n-grams within words.
    min_word_count, min_char_count
        Rows an n-gram must occur in to become a feature.
    c
        Inverse strength of the l2 penalty.
    tolerance
        Of the solver.
    n_folds
        Of the out-of-fold predictions.
    several_share, other_language_share
        What is assumed of the traffic: shares of descriptions that need several categories, and that are
        not in English. The corpus has more of both, and calibration weighs them down to this.
    undecided_budget
        Largest share of descriptions that need a category and may be left undecided.
    copies
        Share of the rows of which an altered copy is learnt from as well.
    seed
        Of everything random.
    """

    max_words: int = 2
    shortest: int = 2
    longest: int = 4
    min_word_count: int = 3
    min_char_count: int = 4
    c: float = 5.0
    tolerance: float = 0.1
    n_folds: int = 5
    copies: float = 0.5
    several_share: float = 0.03
    other_language_share: float = 0.07
    undecided_budget: float = 0.1
    seed: int = 20261124


def build(config: Config) -> Pipeline:
    """Return the unfitted pipeline: two TF-IDF blocks, one logistic regression a label.

    Dual coordinate descent is several times faster here than lbfgs and as accurate. Classes are
    weighted, since each label is rare against all others.
    """
    words = TfidfVectorizer(
        ngram_range=(1, config.max_words), min_df=config.min_word_count, sublinear_tf=True, dtype=np.float32
    )
    chars = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(config.shortest, config.longest),
        min_df=config.min_char_count,
        sublinear_tf=True,
        dtype=np.float32,
    )
    one_label = LogisticRegression(
        C=config.c,
        class_weight="balanced",
        dual=True,
        max_iter=1000,
        random_state=config.seed,
        solver="liblinear",
        tol=config.tolerance,
    )
    return Pipeline(
        [("features", FeatureUnion([("word", words), ("char", chars)])), ("labels", OneVsRestClassifier(one_label))]
    )


def fit(prompts: Sequence[str], labels: NDArray[np.bool_], config: Config) -> Pipeline:
    """Return the pipeline fitted on rows, and its classifiers on altered copies of some of them as well.

    The vocabulary and the idf are those of the rows alone.

    Parameters
    ----------
    prompts
        Of length n_rows.
    labels
        bool of shape (n_rows, n_labels).
    config
        The model's choices.
    """
    pipeline = build(config)
    features = pipeline.named_steps["features"]
    vectors = features.fit_transform(prompts)
    chosen = np.flatnonzero(np.random.default_rng(config.seed).random(len(prompts)) < config.copies)
    if len(chosen):
        carriers = read_carriers()
        copies = features.transform([altered(prompts[i], carriers, config.seed) for i in chosen.tolist()])
        vectors, labels = sparse.vstack([vectors, copies]).tocsr(), np.vstack([labels, labels[chosen]])
    pipeline.named_steps["labels"].fit(vectors, labels.astype(np.int8))
    # The features are float32, and so is all that the artifact keeps; the solver answers in float64.
    for estimator in pipeline.named_steps["labels"].estimators_:
        estimator.coef_ = estimator.coef_.astype(np.float32)
        estimator.intercept_ = estimator.intercept_.astype(np.float32)
    return pipeline


def fit_all(
    prompts: Sequence[str],
    labels: NDArray[np.bool_],
    main: NDArray[np.int64],
    groups: Sequence[str],
    *,
    config: Config,
    progress: bool,
) -> tuple[Pipeline, NDArray[np.float64]]:
    """Fit the pipeline on all rows, and once a fold on the rows of the other folds.

    Parameters
    ----------
    prompts, groups
        Of length n_rows; no group is on both sides of a fold.
    labels
        bool of shape (n_rows, n_labels).
    main
        Each row's main label, shape (n_rows,), which the folds balance.
    config
        The model's choices.
    progress
        Whether to show a progress bar on standard error, where that is a terminal.

    Returns
    -------
    tuple
        The fitted pipeline, and float64 of shape (n_rows, n_labels): decision values of each row under
        a model that has not seen its group.
    """
    everything = np.arange(len(prompts))
    folds = StratifiedGroupKFold(config.n_folds, shuffle=True, random_state=config.seed)
    splits = [(everything, everything[:0]), *folds.split(everything, main, groups)]
    texts = np.array(prompts, dtype=object)
    # Each worker gets one thread's work, so the result does not depend on how many there are.
    jobs = (delayed(_fit_and_apply)(texts[train], labels[train], texts[test], config) for train, test in splits)
    results = Parallel(n_jobs=min(2, cpu_count()), return_as="generator")(jobs)
    decision_values = np.zeros(labels.shape)
    pipelines = []
    bar = tqdm(results, total=len(splits), desc="training", unit="fit", disable=None if progress else True)
    for (_, test), (pipeline, values) in zip(splits, bar, strict=True):
        pipelines.append(pipeline)
        decision_values[test] = values
    return pipelines[0], decision_values


def _fit_and_apply(
    train: NDArray[np.object_], labels: NDArray[np.bool_], test: NDArray[np.object_], config: Config
) -> tuple[Pipeline | None, NDArray[np.float64]]:
    """Fit on some rows; return the pipeline if there is nothing to test, else the decision values of the others."""
    pipeline = fit(train.tolist(), labels, config)
    if not len(test):
        return pipeline, np.empty((0, labels.shape[1]))
    return None, pipeline.decision_function(test.tolist())
