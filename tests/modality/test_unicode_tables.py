import re

import numpy as np

from modality.kernels import CASE_IGNORABLE, CASED, SPACE, WORD
from modality.unicode_tables import unicode_tables


def test_every_code_point_has_the_lower_case_and_class_that_python_gives_it():
    lower, classes = unicode_tables()
    word, space = re.compile(r"\w"), re.compile(r"\s")
    for point in range(0x110000):
        character = chr(point)
        if point != 0x130:
            assert lower[point] == ord(character.lower()), hex(point)
        assert bool(classes[point] & WORD) == bool(word.match(character)), hex(point)
        assert bool(classes[point] & SPACE) == bool(space.match(character)), hex(point)


def test_every_code_point_has_the_part_in_the_final_sigma_that_python_gives_it():
    _, classes = unicode_tables()
    every = [chr(point) for point in range(0x110000)]
    cased = np.array([(x + "Σ ").lower().endswith("ς ") for x in every])
    passed_over = np.array([("A" + x + "Σ ").lower().endswith("ς ") for x in every]) & ~cased
    np.testing.assert_array_equal((classes & CASED) != 0, cased)
    np.testing.assert_array_equal((classes & CASE_IGNORABLE) != 0, passed_over)


def test_only_one_code_point_has_a_longer_lower_case():
    assert [hex(point) for point in range(0x110000) if len(chr(point).lower()) != 1] == ["0x130"]
