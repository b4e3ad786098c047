"""Labelled CSV files: reading them, and the rows they hold."""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from modality.errors import DataError, LabelError, ModalityError
from modality.labels import Labels, parse_labels
from modality.taxonomy import NONE, SEVERAL, Taxonomy, input_key, label_keys

__all__ = [
    "COLUMNS",
    "OPTIONAL_COLUMNS",
    "Row",
    "data_digest",
    "label_matrix",
    "main_labels",
    "read_folder",
    "read_rows",
    "scan_rows",
]

COLUMNS = ("text", "needs", "inputs")
OPTIONAL_COLUMNS = ("id", "accept", "lang", "kind", "source")
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Row:
    """One labelled prompt.

    Attributes
    ----------
    prompt, labels
        What was written, and what a human assigned.
    file, line
        Where the row begins; the file's name is its group in every split.
    accept
        Other honest readings of ``needs``: a prediction that equals one counts as right.
    lang, kind, source
        Optional columns, for slices; empty where absent.
    """

    prompt: str
    labels: Labels
    file: str
    line: int
    accept: tuple[tuple[str, ...], ...] = ()
    lang: str = ""
    kind: str = ""
    source: str = ""

    @property
    def readings(self) -> tuple[tuple[str, ...], ...]:
        """The gold categories and the other accepted sets."""
        return (self.labels.needs, *self.accept)

    def accepts(self, category: str) -> bool:
        """Say whether a category is the main one of the labels or of another honest reading."""
        return any(reading[:1] == (category,) for reading in self.readings)


def read_folder(folder: Path, taxonomy: Taxonomy) -> list[Row]:
    """Read every CSV file under a folder, in the order of their names.

    Raises
    ------
    DataError
        If there is no CSV file, or one cannot be read.
    LabelError
        If a label is not legal.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise DataError(f"{folder}: no CSV file found; expected files with the columns {', '.join(COLUMNS)}")
    return [row for file in files for row in read_rows(file, taxonomy)]


def read_rows(path: Path, taxonomy: Taxonomy) -> list[Row]:
    """Read one labelled CSV file (UTF-8, a header, comma-separated).

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing or unknown, or a row is ragged or blank; the
        message has file and line.
    LabelError
        If a label is not legal; the message has file and line.
    """
    rows = []
    for found in scan_rows(path, taxonomy):
        if isinstance(found, ModalityError):
            raise found
        rows.append(found)
    return rows


def scan_rows(path: Path, taxonomy: Taxonomy) -> Iterator[Row | ModalityError]:
    """Yield each row of a labelled CSV file, or the error that it is refused with.

    An error of the whole file (it cannot be read, its header or quoting is wrong) is the last item.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _scan(path, file, taxonomy)
    except UnicodeDecodeError as error:
        yield DataError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8")
    except OSError as error:
        yield DataError(f"{path}: {error.strerror}; expected a labelled CSV file")


def _scan(path: Path, file: TextIO, taxonomy: Taxonomy) -> Iterator[Row | ModalityError]:
    """Yield the rows of an open file."""
    reader = csv.reader(file, strict=True)
    line = 1
    try:
        header = next(reader, [])
        _check_header(path, header)
        while True:
            line = reader.line_num + 1
            record = next(reader, None)
            if record is None:
                return
            if record:
                yield _row_or_error(f"{path}:{line}", path.name, line, header, record, taxonomy)
    except csv.Error as error:
        yield DataError(f"{path}:{line}: {error}; expected RFC 4180 quoting")
    except DataError as error:
        yield error


def _check_header(path: Path, header: Sequence[str]) -> None:
    """Refuse a header that lacks a column or has one that nothing reads."""
    for name in COLUMNS:
        if name not in header:
            raise DataError(f"{path}:1: no column {name!r}; found {', '.join(header) or 'nothing'}")
    for name in header:
        if name not in (*COLUMNS, *OPTIONAL_COLUMNS) or header.count(name) > 1:
            expected = ", ".join((*COLUMNS, *OPTIONAL_COLUMNS))
            raise DataError(f"{path}:1: column {name!r} is unknown or there twice; expected {expected}")


def _row_or_error(
    where: str, file: str, line: int, header: Sequence[str], record: Sequence[str], taxonomy: Taxonomy
) -> Row | ModalityError:
    """Return one record as a row, or the error that it is refused with."""
    if len(record) != len(header):
        return DataError(f"{where}: {len(record)} fields; expected {len(header)} ({', '.join(header)})")
    cells = dict(zip(header, record, strict=True))
    if not cells["text"].strip():
        return DataError(f"{where}: text is blank; expected a task description")
    try:
        labels = parse_labels(_current_name(cells["needs"]), cells["inputs"], taxonomy)
        accept = [_current_name(item) for item in cells.get("accept", "").split("|") if item]
        readings = tuple(parse_labels(item, "", taxonomy).needs for item in accept)
    except LabelError as error:
        return LabelError(f"{where}: {error}")
    optional = {name: cells.get(name, "") for name in ("lang", "kind", "source")}
    return Row(cells["text"], labels, file, line, readings, **optional)


def _current_name(needs: str) -> str:
    """Return ``none`` for the name that older test files have for it (rule 11 of the labelling guide)."""
    return NONE if needs == "unclear" else needs


def label_matrix(rows: Sequence[Row], taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Return bool of shape (n_rows, n_labels), in the order of :func:`modality.taxonomy.label_keys`."""
    column = {key: k for k, key in enumerate(label_keys(list(taxonomy.categories), taxonomy.inputs))}
    matrix = np.zeros((len(rows), len(column)), np.bool_)
    for i, row in enumerate(rows):
        names = [*row.labels.needs, *map(input_key, row.labels.inputs)]
        matrix[i, [column[name] for name in names]] = True
        matrix[i, column[NONE]] = not row.labels.needs
        matrix[i, column[SEVERAL]] = len(row.labels.needs) > 1
    return matrix


def main_labels(rows: Sequence[Row], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Return the column in :func:`label_matrix` of each row's main category, or of ``none``."""
    position = {name: k for k, name in enumerate([*taxonomy.categories, NONE])}
    return np.array([position[row.labels.main] for row in rows], np.int64)


def data_digest(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of all prompts, labels and groups, in order."""
    digest = hashlib.sha256()
    for row in rows:
        cells = (row.file, row.prompt, "+".join(row.labels.needs), "+".join(row.labels.inputs))
        for cell in cells:
            encoded = cell.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big"))
            digest.update(encoded)
    return digest.hexdigest()
