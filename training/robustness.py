"""How often a small change of the wording turns a right answer into another one."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from modality.classifier import Classifier
from training.dataset import Row

__all__ = ["PERTURBATIONS", "flip_rates", "format_flip_rates"]

_SPELLINGS = (
    ("colour", "color"),
    ("favourite", "favorite"),
    ("centre", "center"),
    ("theatre", "theater"),
    ("grey", "gray"),
    ("analyse", "analyze"),
    ("organise", "organize"),
    ("summarise", "summarize"),
    ("visualise", "visualize"),
    ("recognise", "recognize"),
    ("programme", "program"),
    ("catalogue", "catalog"),
    ("dialogue", "dialog"),
    ("jewellery", "jewelry"),
    ("travelling", "traveling"),
    ("modelling", "modeling"),
    ("behaviour", "behavior"),
    ("neighbour", "neighbor"),
    ("metre", "meter"),
    ("fibre", "fiber"),
    ("tyre", "tire"),
    ("licence", "license"),
    ("aluminium", "aluminum"),
    ("mum", "mom"),
    ("colourise", "colorize"),
    ("humour", "humor"),
    ("flavour", "flavor"),
    ("synthesise", "synthesize"),
)
_POLITE = ("Hello, I hope you can help me with something.", "Good morning! Thank you in advance for your help.")
_EMOJI = ("🙂", "🙏", "😀", "👍", "✨")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*\s*")
_WORD = re.compile(r"\b[^\W\d_]{4,}\b")


def _swap_spelling(text: str, _: random.Random) -> str:
    """Write British words the American way and American ones the British way."""
    other = {**dict(_SPELLINGS), **{american: british for british, american in _SPELLINGS}}

    def swapped(match: re.Match[str]) -> str:
        word = match.group()
        found = other.get(word.lower(), word)
        return found.capitalize() if word[0].isupper() else found

    return re.sub(r"[A-Za-z]+", swapped, text)


def _two_typos(text: str, generator: random.Random) -> str:
    """Swap two neighbouring letters, or drop one, in up to two longer words of every sentence."""

    def with_typos(match: re.Match[str]) -> str:
        sentence = match.group()
        words = list(_WORD.finditer(sentence))
        for word in sorted(generator.sample(words, min(2, len(words))), key=lambda found: -found.start()):
            at = generator.randrange(word.start() + 1, word.end() - 1)
            swap = generator.random() < 0.5
            middle = sentence[at + 1] + sentence[at] if swap else sentence[at + 1]
            sentence = sentence[:at] + middle + sentence[at + 2 :]
        return sentence

    return _SENTENCE.sub(with_typos, text)


#: Name to change; a change gets a generator that is seeded for each text.
PERTURBATIONS: Mapping[str, Callable[[str, random.Random], str]] = MappingProxyType(
    {
        "lower case": lambda text, _: text.lower(),
        "no punctuation": lambda text, _: " ".join(re.sub(r"[^\w\s]", " ", text).split()),
        "trailing ?": lambda text, _: text.rstrip(" .!?") + "?",
        "doubled spaces": lambda text, _: text.replace(" ", "  "),
        "other spelling": _swap_spelling,
        "two typos a sentence": _two_typos,
        "polite sentence before": lambda text, generator: f"{generator.choice(_POLITE)} {text}",
        "emoji": lambda text, generator: f"{text} {generator.choice(_EMOJI)}",
    }
)


def flip_rates(classifier: Classifier, rows: Sequence[Row]) -> dict[str, tuple[float, int]]:
    """Return for each perturbation the share of right answers that it makes wrong, and how many texts it changed.

    The share is of all right answers, changed or not.

    Parameters
    ----------
    classifier
        The model.
    rows
        Labelled rows; those that need no category are left out.
    """
    rows = [row for row in rows if row.labels.needs]
    right = [
        row for row, good in zip(rows, _right(classifier, rows, [row.prompt for row in rows]), strict=True) if good
    ]
    rates = {}
    for name, change in PERTURBATIONS.items():
        texts = [change(row.prompt, random.Random(row.prompt.encode("utf-8", "surrogatepass"))) for row in right]  # noqa: S311
        texts = [text if text.strip() else row.prompt for text, row in zip(texts, right, strict=True)]
        n_changed = sum(text != row.prompt for text, row in zip(texts, right, strict=True))
        flipped = _right(classifier, right, texts).count(False)
        rates[name] = (flipped / len(right) if right else float("nan"), n_changed)
    return rates


def format_flip_rates(rates: Mapping[str, tuple[float, int]]) -> str:
    """Return the rates as a table for a terminal."""
    lines = [f"{'perturbation':<24}{'flips':>8}{'changed':>10}"]
    return "\n".join([*lines, *(f"{name:<24}{rate:>8.1%}{n_changed:>10}" for name, (rate, n_changed) in rates.items())])


def _right(classifier: Classifier, rows: Sequence[Row], texts: Sequence[str]) -> list[bool]:
    """Say for each row whether the main category of its text is a right one."""
    main = classifier.decide(texts).main
    names = classifier.decider.categories
    return [row.accepts(names[int(k)]) for k, row in zip(main, rows, strict=True)]
