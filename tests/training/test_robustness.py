import random

import pytest

from training.robustness import PERTURBATIONS, flip_rates, format_flip_rates


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lower case", "Draw ME", "draw me"),
        ("no punctuation", "Hi, draw a cat - now!", "Hi draw a cat now"),
        ("trailing ?", "draw a cat.", "draw a cat?"),
        ("doubled spaces", "draw a cat", "draw  a  cat"),
        ("other spelling", "Colour the grey theater", "Color the gray theatre"),
    ],
)
def test_each_change_does_what_its_name_says(name, text, expected):
    assert PERTURBATIONS[name](text, random.Random(0)) == expected


def test_typos_touch_two_words_of_every_sentence():
    text = "Please paint yellow houses. Then another picture follows."
    changed = PERTURBATIONS["two typos a sentence"](text, random.Random(0))
    different = [a != b for a, b in zip(text.split(), changed.split(), strict=True)]
    assert (sum(different[:4]), sum(different[4:])) == (2, 2)


def test_typos_leave_short_words_alone():
    assert PERTURBATIONS["two typos a sentence"]("a cat on it", random.Random(0)) == "a cat on it"


def test_flips_are_counted_over_the_right_answers(classifier, rows):
    rates = flip_rates(classifier, rows[:200])
    assert set(rates) == set(PERTURBATIONS)
    assert rates["doubled spaces"] == (0.0, rates["doubled spaces"][1])
    assert all(0 <= rate <= 1 for rate, _ in rates.values())
    assert "lower case" in format_flip_rates(rates)
