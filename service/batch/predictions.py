"""A column of descriptions to columns of predictions, as Arrow arrays."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modality import Classifier
from modality.decision import Decider, Decisions
from modality.labels import format_names

__all__ = ["Predictions", "predict"]


@dataclass(frozen=True)
class Predictions:
    """Predictions for n rows; null where the text is blank.

    Attributes
    ----------
    columns
        In the order of ``PREDICTION_COLUMNS``: string, float64, string, string, bool.
    n_blank, n_undecided, n_truncated
        How many rows are.
    """

    columns: tuple[pa.Array, ...]
    n_blank: int
    n_undecided: int
    n_truncated: int


def predict(classifier: Classifier, texts: pa.Array) -> Predictions:
    """Return predictions for a block of rows; other threads run meanwhile.

    Parameters
    ----------
    classifier
        The model.
    texts
        Strings, of any length of offset; null counts as blank.
    """
    texts = pc.fill_null(texts, "")
    wide = pa.types.is_large_string(texts.type)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64 if wide else np.int32)[texts.offset : texts.offset + len(texts) + 1]
    buffer = np.frombuffer(data if data is not None else b"", np.uint8)
    decisions, blank, truncated = classifier.decide_utf8(buffer, bounds.astype(np.int64))
    decider = classifier.decider
    decided = decider.decided(decisions)
    columns = (
        _named(decisions.main, decider.categories, blank),
        pa.array(decisions.confidence, mask=blank),
        _needs(decider, decisions, blank),
        _inputs(decider, decisions, blank),
        pa.array(decided, mask=blank),
    )
    return Predictions(columns, int(blank.sum()), int((~decided & ~blank).sum()), int(truncated.sum()))


def _named(numbers: NDArray[np.int64], names: tuple[str, ...] | list[str], blank: NDArray[np.bool_]) -> pa.StringArray:
    """Return the names that numbers stand for."""
    indices = pa.array(numbers.astype(np.int32), mask=blank)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(names), pa.string())).dictionary_decode()


def _needs(decider: Decider, decisions: Decisions, blank: NDArray[np.bool_]) -> pa.StringArray:
    """Return the listed categories, joined: nearly always the main one alone."""
    names = list(decider.categories)
    numbers = decisions.main.copy()
    known = {name: k for k, name in enumerate(names)}
    several = decisions.chosen[:, : len(names)].sum(axis=1) > 1
    for i in np.flatnonzero(several).tolist():
        joined = format_names(decider.needs(decisions, i))
        numbers[i] = known.setdefault(joined, len(known))
    return _named(numbers, list(known), blank)


def _inputs(decider: Decider, decisions: Decisions, blank: NDArray[np.bool_]) -> pa.StringArray:
    """Return the listed inputs, joined: most often none, or one."""
    chosen = decisions.chosen[:, -len(decider.inputs) :] if decider.inputs else decisions.chosen[:, :0]
    known = {"": 0, **{name: k + 1 for k, name in enumerate(decider.inputs)}}
    how_many = chosen.sum(axis=1)
    numbers = np.where(how_many == 1, chosen.argmax(axis=1) + 1 if chosen.shape[1] else 0, 0)
    for i in np.flatnonzero(how_many > 1).tolist():
        joined = format_names(decider.listed_inputs(decisions, i))
        numbers[i] = known.setdefault(joined, len(known))
    return _named(numbers, list(known), blank)
