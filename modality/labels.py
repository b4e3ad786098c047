"""Labels as people write them in the columns ``needs`` and ``inputs``."""

from collections.abc import Sequence
from dataclasses import dataclass

from modality.errors import LabelError
from modality.taxonomy import NONE, Taxonomy

__all__ = ["Labels", "format_names", "parse_inputs", "parse_labels", "parse_needs"]


@dataclass(frozen=True)
class Labels:
    """What a human assigned to one prompt.

    Attributes
    ----------
    needs
        Categories, main deliverable first; empty where none of them fits.
    inputs
        Media brought along.
    """

    needs: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def main(self) -> str:
        """The main category, ``none`` where there is none."""
        return self.needs[0] if self.needs else NONE


def parse_labels(needs: str, inputs: str, taxonomy: Taxonomy) -> Labels:
    """Return the labels of one row.

    Raises
    ------
    LabelError
        As :func:`parse_needs` and :func:`parse_inputs` do.

    Examples
    --------
    >>> parse_labels("video+speech", "image", Taxonomy.load())
    Labels(needs=('video', 'speech'), inputs=('image',))
    """
    return Labels(parse_needs(needs, taxonomy), parse_inputs(inputs, taxonomy))


def parse_needs(notation: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the categories of ``a+b`` in their order; ``none`` gives an empty tuple.

    Raises
    ------
    LabelError
        If a category is unknown, stands twice or stands beside ``none``, or if the notation is empty.
    """
    if notation == NONE:
        return ()
    return _parse("needs", notation, [*taxonomy.categories, NONE], alone=NONE)


def parse_inputs(notation: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the inputs of ``a+b`` in their order; an empty notation gives an empty tuple.

    Raises
    ------
    LabelError
        If an input is unknown or stands twice.
    """
    return _parse("inputs", notation, taxonomy.inputs) if notation else ()


def format_names(names: Sequence[str]) -> str:
    """Return names in the notation of the CSV columns: joined by ``+``."""
    return "+".join(names)


def _parse(column: str, notation: str, known: Sequence[str], alone: str | None = None) -> tuple[str, ...]:
    """Return the names of one cell."""
    names = tuple(notation.split("+"))
    for name in names:
        if name not in known:
            raise LabelError(f"{column}: {name!r} is not a label; expected one of {', '.join(known)}, joined by '+'")
        if names.count(name) > 1:
            raise LabelError(f"{column}: {notation!r} has {name!r} twice; expected each label once")
    if alone in names:
        raise LabelError(f"{column}: {notation!r} has {alone!r} beside other labels; expected it alone")
    return names
