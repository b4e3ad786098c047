import re

from modality.kernels import SPACE, WORD
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


def test_only_one_code_point_has_a_longer_lower_case():
    assert [hex(point) for point in range(0x110000) if len(chr(point).lower()) != 1] == ["0x130"]
