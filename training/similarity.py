"""Pairs of texts that share most of their words."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

__all__ = ["similar_pairs", "words_of"]

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
