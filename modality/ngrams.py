"""The n-grams of a prompt in plain Python, for building vocabularies and for explanations.

The kernels find the same n-grams without building strings; the tests hold the two against each other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from modality import kernels

__all__ = ["Occurrence", "hash_char_ngram", "hash_word_ngram", "occurrences"]

_MASK = (1 << 64) - 1
_TOKEN = re.compile(r"\b\w\w+\b")  # scikit-learn's default token_pattern
_CHUNK = re.compile(r"\S+")


@dataclass(frozen=True)
class Occurrence:
    """One n-gram of a prompt: its kind, text and hash, and the words (by position) it lies in."""

    kind: str
    ngram: str
    hash: int
    words: tuple[int, ...]


def hash_word_ngram(ngram: str) -> int:
    """Return the 64-bit hash of one word, or of two that are joined by a space.

    Raises
    ------
    ValueError
        If the n-gram has more than two words.
    """
    first, *rest = (_polynomial(word, int(kernels.WORD_SEED)) for word in ngram.split(" "))
    if not rest:
        return first
    if len(rest) > 1:
        raise ValueError(f"{ngram!r} has {len(rest) + 1} words; expected one or two")
    return ((first ^ (first >> 29)) * int(kernels.BIGRAM_MULTIPLIER) + rest[0]) & _MASK


def hash_char_ngram(ngram: str) -> int:
    """Return the 64-bit hash of a character n-gram."""
    return _polynomial(ngram, int(kernels.CHAR_SEED))


def occurrences(prompt: str, max_words: int, shortest: int, longest: int) -> tuple[list[str], list[Occurrence]]:
    """Return the white-space-separated words of a lower-cased prompt, and every n-gram in it.

    Parameters
    ----------
    prompt
        Any text.
    max_words
        Longest word n-gram, 1 or 2.
    shortest, longest
        Lengths of the character n-grams, in code points.
    """
    prompt = prompt.lower()
    spans = [match.span() for match in _CHUNK.finditer(prompt)]
    words = [prompt[start:end] for start, end in spans]
    found = list(_word_ngrams(prompt, spans, max_words))
    for position, word in enumerate(words):
        found += (
            Occurrence("char", gram, hash_char_ngram(gram), (position,))
            for gram in _char_ngrams(f" {word} ", shortest, longest)
        )
    return words, found


def _word_ngrams(prompt: str, spans: list[tuple[int, int]], max_words: int) -> Iterator[Occurrence]:
    """Yield word unigrams, then bigrams."""
    tokens: list[tuple[str, int]] = []
    position = 0
    for match in _TOKEN.finditer(prompt):
        while spans[position][1] <= match.start():
            position += 1
        tokens.append((match.group(), position))
    for token, at in tokens:
        yield Occurrence("word", token, hash_word_ngram(token), (at,))
    if max_words > 1:
        for (first, a), (second, b) in pairwise(tokens):
            gram = f"{first} {second}"
            yield Occurrence("word", gram, hash_word_ngram(gram), (a, b))


def _char_ngrams(padded: str, shortest: int, longest: int) -> Iterator[str]:
    """Yield the n-grams of one padded word, as scikit-learn's ``char_wb`` does."""
    if len(padded) < shortest:
        yield padded
    for start in range(len(padded)):
        for size in range(shortest, min(longest, len(padded) - start) + 1):
            yield padded[start : start + size]


def _polynomial(text: str, seed: int) -> int:
    """Return the polynomial hash over the code points of a text."""
    multiplier = int(kernels.MULTIPLIER)
    h = seed
    for character in text:
        h = (h * multiplier + ord(character)) & _MASK
    return h
