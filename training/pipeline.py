"""The scikit-learn pipeline: what it is made of, and how it is fitted once and fold by fold.

N-grams are counted once, for all rows. A fold takes from the counts what it would have counted itself: its
rows, and the n-grams that are frequent enough in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from tqdm import tqdm

from training.augmentation import altered, read_carriers

__all__ = ["Config", "build", "fit_all"]


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
    tolerance: float = 1.0
    n_folds: int = 4
    copies: float = 0.5
    several_share: float = 0.03
    other_language_share: float = 0.07
    undecided_budget: float = 0.085
    seed: int = 20261124


def build(config: Config) -> Pipeline:
    """Return the unfitted pipeline: two TF-IDF blocks, one logistic regression a label.

    Dual coordinate descent is several times faster here than lbfgs and as accurate. Classes are
    weighted, since each label is rare against all others.
    """
    words = CountVectorizer(ngram_range=(1, config.max_words), min_df=config.min_word_count, dtype=np.float32)
    chars = CountVectorizer(
        analyzer="char_wb",
        ngram_range=(config.shortest, config.longest),
        min_df=config.min_char_count,
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
    blocks = [
        (name, Pipeline([("count", counter), ("tfidf", TfidfTransformer(sublinear_tf=True))]))
        for name, counter in (("word", words), ("char", chars))
    ]
    return Pipeline([("features", FeatureUnion(blocks)), ("labels", OneVsRestClassifier(one_label))])


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

    The classifiers learn from altered copies of some of the rows as well; vocabulary and idf are those of
    the rows alone.

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
    pipeline = build(config)
    counters = [block.named_steps["count"] for _, block in pipeline.named_steps["features"].transformer_list]
    counts = [counter.fit_transform(prompts) for counter in counters]
    copied = np.flatnonzero(np.random.default_rng(config.seed).random(len(prompts)) < config.copies)
    if len(copied):
        carriers = read_carriers()
        copies = [altered(prompts[i], carriers, config.seed) for i in copied.tolist()]
        counts = [
            sparse.vstack([block, counter.transform(copies)]).tocsr()
            for block, counter in zip(counts, counters, strict=True)
        ]
    folds = StratifiedGroupKFold(config.n_folds, shuffle=True, random_state=config.seed)
    everything = np.arange(len(prompts))
    splits = [(everything, everything[:0]), *folds.split(everything, main, groups)]
    # Each worker gets one thread's work, so the result does not depend on how many there are.
    jobs = (delayed(_fit_and_apply)(counts, copied, labels, train, test, config) for train, test in splits)
    results = Parallel(n_jobs=min(2, cpu_count()), return_as="generator")(jobs)
    decision_values = np.zeros(labels.shape)
    bar = tqdm(results, total=len(splits), desc="training", unit="fit", disable=None if progress else True)
    for (_, test), (fitted, values) in zip(splits, bar, strict=True):
        decision_values[test] = values
        if fitted is not None:
            for (_, block), weighting in zip(pipeline.named_steps["features"].transformer_list, fitted[0], strict=True):
                block.steps[1] = ("tfidf", weighting)
            pipeline.steps[1] = ("labels", fitted[1])
    return pipeline, decision_values


def _fit_and_apply(
    counts: Sequence[sparse.csr_matrix],
    copied: NDArray[np.int64],
    labels: NDArray[np.bool_],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    config: Config,
) -> tuple[tuple[list[TfidfTransformer], OneVsRestClassifier] | None, NDArray[np.float64]]:
    """Fit on some rows; return what was fitted if there is nothing to test, else the decision values of the others.

    Parameters
    ----------
    counts
        Of words and of characters: shape (n_rows + n_copies, n_ngrams), n-grams of all rows.
    copied
        Shape (n_copies,): the row that each copy is of.
    labels
        Shape (n_rows, n_labels).
    train, test
        Numbers of rows.
    config
        The model's choices.
    """
    copies = np.flatnonzero(np.isin(copied, train))
    learnt_from = np.concatenate([train, len(labels) + copies])
    frequent, weightings = [], []
    for block, least in zip(counts, (config.min_word_count, config.min_char_count), strict=True):
        rows = block[train]
        frequent.append(np.flatnonzero(np.bincount(rows.indices, minlength=block.shape[1]) >= least))
        weightings.append(TfidfTransformer(sublinear_tf=True).fit(rows[:, frequent[-1]]))

    def vectors(rows: NDArray[np.int64]) -> sparse.csr_matrix:
        blocks = zip(counts, frequent, weightings, strict=True)
        return sparse.hstack([w.transform(block[rows][:, columns]) for block, columns, w in blocks]).tocsr()

    targets = np.vstack([labels[train], labels[copied[copies]]]).astype(np.int8)
    # The solver would make its own float64 copy for each label.
    classifiers = build(config).named_steps["labels"].fit(vectors(learnt_from).astype(np.float64), targets)
    # The features are float32, and so is all that the artifact keeps; the solver answers in float64.
    for estimator in classifiers.estimators_:
        estimator.coef_ = estimator.coef_.astype(np.float32)
        estimator.intercept_ = estimator.intercept_.astype(np.float32)
    if not len(test):
        return (weightings, classifiers), np.empty((0, labels.shape[1]))
    return None, classifiers.decision_function(vectors(test))
