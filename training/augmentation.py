"""Copies of rows with the small changes that people make: typos, punctuation, something polite before.

What stands before or after the wish, and how it is typed, says nothing about the tool it needs. A model
that has not seen that learns that "I hope you can help me" asks for a language model.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CARRIERS", "altered", "read_carriers"]

#: Sentences that stand around a wish and say nothing about it, one a line.
CARRIERS = Path(__file__).resolve().parent.parent / "data" / "carriers.txt"

_TYPO, _PUNCTUATION, _CARRIER, _SECOND_CARRIER, _BEFORE = 0.3, 0.4, 0.6, 0.3, 0.7  # chances
_TYPO_SHARE = 8  #: one word in so many, at least one
_MIN_LETTERS = 4  #: shorter words get no typo
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def read_carriers(path: Path = CARRIERS) -> list[str]:
    """Return the sentences of a carrier file."""
    return path.read_text(encoding="utf-8").splitlines()


def altered(prompt: str, carriers: Sequence[str], seed: int) -> str:
    """Return a prompt as somebody else might have typed it; the same for the same prompt and seed.

    Parameters
    ----------
    prompt
        Any text.
    carriers
        Sentences to put before or after it.
    seed
        Another seed gives another copy.
    """
    generator = random.Random(f"{seed}:{prompt}".encode("utf-8", "surrogatepass"))  # noqa: S311
    if generator.random() < _TYPO:
        prompt = _with_typos(prompt, generator)
    if generator.random() < _PUNCTUATION:
        prompt = _with_other_punctuation(prompt, generator)
    if generator.random() < _CARRIER:
        prompt = _with_carrier(prompt, carriers, generator)
    return prompt


def _with_typos(prompt: str, generator: random.Random) -> str:
    """Swap, drop, double or replace a letter in a few longer words."""
    words = prompt.split(" ")
    longer = [k for k, word in enumerate(words) if len(word) >= _MIN_LETTERS and word.isalpha()]
    for k in generator.sample(longer, min(len(longer), max(1, len(longer) // _TYPO_SHARE))):
        word = words[k]
        at = generator.randrange(1, len(word) - 1)
        middle = generator.choice(
            [
                word[at + 1] + word[at],
                word[at + 1],
                word[at] * 2 + word[at + 1],
                generator.choice(_ALPHABET) + word[at + 1],
            ]
        )
        words[k] = word[:at] + middle + word[at + 2 :]
    return " ".join(words)


def _with_other_punctuation(prompt: str, generator: random.Random) -> str:
    """Take the punctuation away, or end the prompt otherwise."""
    without_end = prompt.rstrip(" .!?")
    bare = " ".join(re.sub(r"[^\w\s]", " ", prompt).split())
    return generator.choice([bare, without_end + "?", without_end + ".", without_end]) or prompt


def _with_carrier(prompt: str, carriers: Sequence[str], generator: random.Random) -> str:
    """Put one or two sentences before the prompt, or after it."""
    carrier = generator.choice(carriers)
    if generator.random() < _SECOND_CARRIER:
        carrier = f"{carrier} {generator.choice(carriers)}"
    if generator.random() < _BEFORE:
        return f"{carrier} {prompt}"
    end = "" if prompt.endswith((".", "!", "?", "\n")) else "."
    return f"{prompt}{end} {carrier}"
