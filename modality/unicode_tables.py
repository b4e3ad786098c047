"""Lower case and character class of every code point, as the running Python sees them."""

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from modality.kernels import CASE_IGNORABLE, CASED, SPACE, WORD

__all__ = ["unicode_tables"]

N_CODE_POINTS = 0x110000
DOTTED_CAPITAL_I = 0x130  #: the only code point whose lower case has two code points
CAPITAL_SIGMA, FINAL_SIGMA = 0x3A3, 0x3C2
SIGMA_PLANES = ((0, 0x20000), (0xE0000, 0xE1000))  #: where cased and case-ignorable code points are


@cache
def unicode_tables() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    r"""Return (lower, classes), each of shape (0x110000,).

    ``lower[c]`` is the code point of ``chr(c).lower()`` (U+0130 and U+03A3 are left to the kernel), and
    ``classes[c]`` has the bits ``WORD`` (matches ``\w``), ``SPACE`` (matches ``\s``), ``CASED`` and
    ``CASE_IGNORABLE`` (Unicode 3.13, D135 and D136, as ``str.lower`` applies them to the final sigma).
    """
    points = np.arange(N_CODE_POINTS, dtype=np.uint32)
    points[DOTTED_CAPITAL_I] = ord("i")
    every = _text(points)
    lower = _points(every.lower())
    classes = np.zeros(N_CODE_POINTS, np.uint8)
    for pattern, bit in ((r"\w+", WORD), (r"\s+", SPACE)):
        for match in re.finditer(pattern, every):
            classes[match.start() : match.end()] |= bit
    classes[DOTTED_CAPITAL_I] = classes[ord("I")]
    # "xΣ" ends in a final sigma if x is cased; "AxΣ" also if x is one that the rule looks past.
    # Beyond these planes there are ideographs and private use; the tests look at every code point.
    for first, last in SIGMA_PLANES:
        some = points[first:last]
        after_it = _sigma_is_final(some, before=())
        after_letter = _sigma_is_final(some, before=(ord("A"),))
        classes[first:last][after_it] |= CASED
        classes[first:last][after_letter & ~after_it] |= CASE_IGNORABLE
    return lower, classes


def _sigma_is_final(points: NDArray[np.uint32], before: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say for every code point x whether the sigma of "<before>xΣ " is lowered to its final form."""
    width = len(before) + 3
    table = np.empty((len(points), width), np.uint32)
    table[:, : len(before)] = before
    table[:, -3] = points
    table[:, -2] = CAPITAL_SIGMA
    table[:, -1] = ord(" ")
    lowered: NDArray[np.bool_] = _points(_text(table.ravel()).lower()).reshape(-1, width)[:, -2] == FINAL_SIGMA
    return lowered


def _text(points: NDArray[np.uint32]) -> str:
    """Return code points as a string."""
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _points(text: str) -> NDArray[np.uint32]:
    """Return a string as code points."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
