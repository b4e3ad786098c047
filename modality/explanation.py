"""Which words and n-grams spoke for a label: exact, because the model is linear.

The contributions of all n-grams and the bias sum to the label's calibrated log-odds. A word's
contribution is that of the n-grams in it; a word pair's is shared equally by its two words.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from modality.artifact import Manifest, Weights
from modality.ngrams import Occurrence, occurrences
from modality.taxonomy import label_keys

__all__ = ["Contribution", "Explainer", "Explanation"]


@dataclass(frozen=True)
class Contribution:
    """What one word or n-gram added to the log-odds of a label."""

    text: str
    kind: str
    value: float


@dataclass(frozen=True)
class Explanation:
    """Why a label has the log-odds it has: ``bias`` plus the sum over ``words``, or over ``ngrams``.

    Attributes
    ----------
    label
        The category or input.
    log_odds
        Calibrated; ``1 / (1 + exp(-log_odds))`` is the label's probability.
    bias
        What the label gets before a word is read.
    words
        In the order of the prompt, lower-cased.
    ngrams
        Each known n-gram once, largest absolute contribution first.
    """

    label: str
    log_odds: float
    bias: float
    words: tuple[Contribution, ...]
    ngrams: tuple[Contribution, ...]

    def as_dict(self, n_ngrams: int = 20) -> dict[str, Any]:
        """Return JSON-ready objects: every word, the strongest n-grams, and the sum of the other n-grams."""
        shown, rest = self.ngrams[:n_ngrams], self.ngrams[n_ngrams:]
        return {
            "category": self.label,
            "log_odds": self.log_odds,
            "bias": self.bias,
            "words": [{"word": item.text, "contribution": item.value} for item in self.words],
            "ngrams": [{"ngram": item.text, "kind": item.kind, "contribution": item.value} for item in shown],
            "other_ngrams": math.fsum(item.value for item in rest),
        }


class Explainer:
    """Explains the scores of one version.

    Parameters
    ----------
    weights, manifest
        As :mod:`modality.artifact` reads them.
    """

    def __init__(self, weights: Weights, manifest: Manifest) -> None:
        self._weights = weights
        self._manifest = manifest
        self._order = np.argsort(weights.vocabulary)
        self._sorted = weights.vocabulary[self._order]
        self._labels = label_keys(manifest.categories, manifest.inputs)

    def explain(self, prompt: str, label: str) -> Explanation:
        """Explain the score of a category, of ``none``, of ``several`` or of ``input:<name>``.

        Raises
        ------
        ValueError
            If the version has no such label.
        """
        j = self._labels.index(label)
        slope, intercept = self._manifest.calibration[j]
        max_words, shortest, longest = self._manifest.ngrams
        words, found = occurrences(prompt, max_words, shortest, longest)
        by_feature: dict[int, list[Occurrence]] = defaultdict(list)
        for occurrence in found:
            feature = self._feature(occurrence.hash)
            if feature is not None:
                by_feature[feature].append(occurrence)
        values = self._contributions({f: len(items) for f, items in by_feature.items()}, j, slope)
        per_word = [0.0] * len(words)
        for feature, items in by_feature.items():
            for item in items:
                for position in item.words:
                    per_word[position] += values[feature] / len(items) / len(item.words)
        bias = float(self._weights.intercept[j]) * slope + intercept
        ngrams = [Contribution(items[0].ngram, items[0].kind, values[f]) for f, items in by_feature.items()]
        ngrams.sort(key=lambda item: (-abs(item.value), item.kind, item.text))
        return Explanation(
            label=label,
            log_odds=bias + math.fsum(values.values()),
            bias=bias,
            words=tuple(Contribution(word, "word", value) for word, value in zip(words, per_word, strict=True)),
            ngrams=tuple(ngrams),
        )

    def _feature(self, ngram_hash: int) -> int | None:
        """Return the feature id of a hash, None if it is unknown."""
        at = int(np.searchsorted(self._sorted, np.uint64(ngram_hash)))
        if at < len(self._sorted) and int(self._sorted[at]) == ngram_hash:
            return int(self._order[at])
        return None

    def _contributions(self, counts: dict[int, int], j: int, slope: float) -> dict[int, float]:
        """Return what each feature adds to the calibrated log-odds of label j."""
        tfidf = {f: (1 + math.log(n)) * float(self._weights.idf[f]) for f, n in counts.items()}
        squares = {True: 0.0, False: 0.0}
        for feature, value in tfidf.items():
            squares[feature < self._manifest.n_word_features] += value * value
        return {
            f: value / math.sqrt(squares[f < self._manifest.n_word_features]) * float(self._weights.coef[f, j]) * slope
            for f, value in tfidf.items()
        }
