"""Pairs of texts that share most of their words."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["closest", "similar_pairs", "words_of"]

_ROWS_AT_ONCE = 4096
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the words of a text, case folded.

    >>> words_of("Make it SNOW, please!")
    ['make', 'it', 'snow', 'please']
    """
    return _WORD.findall(text.casefold())


def similar_pairs(texts: Sequence[str], similarity: float, min_words: int) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity), i < j, for every pair that is at least so similar.

    The similarity is that of Jaccard over sets of words. The search is exact: two sets can only be so
    similar if they share a word among the rarest few of each (prefix filtering, Bayardo et al. 2007).

    Parameters
    ----------
    texts
        To be compared with each other.
    similarity
        Lowest that counts, in (0, 1].
    min_words
        Texts of fewer different words are left out, since a shared word or two says little of them.
    """
    sets = [frozenset(words_of(text)) for text in texts]
    frequency = Counter(word for words in sets for word in words)
    postings: dict[str, list[int]] = defaultdict(list)
    for j, words in enumerate(sets):
        if len(words) < min_words:
            continue
        rarest_first = sorted(words, key=lambda word: (frequency[word], word))
        prefix = rarest_first[: len(words) - math.ceil(similarity * len(words)) + 1]
        candidates = {i for word in prefix for i in postings[word]}
        for i in sorted(candidates):
            shared = len(sets[i] & words)
            found = shared / (len(sets[i]) + len(words) - shared)
            if found >= similarity:
                yield i, j, found
        for word in prefix:
            postings[word].append(j)


def closest(texts: Sequence[str], others: Sequence[str], similarity: float) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity) for each text i that is so close to one of the others, j the closest.

    The similarity is the cosine of TF-IDF vectors of character n-grams, which sees through inflection, word
    order and languages that do not space their words; a paraphrase that keeps the rare words is close.

    Parameters
    ----------
    texts, others
        To be compared with each other.
    similarity
        Lowest that counts, in (0, 1].
    """
    if not texts or not others:
        return
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float32)
    vectors = vectorizer.fit([*texts, *others]).transform(texts)
    against = vectorizer.transform(others).T.tocsr()
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        cosines = (vectors[start : start + _ROWS_AT_ONCE] @ against).tocsr()
        for i in range(cosines.shape[0]):
            row = cosines[i]
            if row.nnz and row.data.max() >= similarity:
                best = int(row.data.argmax())
                yield start + i, int(row.indices[best]), float(row.data[best])
