"""What CSV, Parquet and plain lines have in common: named columns, of which one holds the descriptions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from modality.errors import DataError
from service.batch.job import PREDICTION_COLUMNS, Job
from service.batch.predictions import Predictions

__all__ = ["Table", "chosen_columns", "chosen_names", "text_column"]


@dataclass(frozen=True)
class Table:
    """A source of rows.

    Attributes
    ----------
    names
        Of the columns; a CSV header can have one twice.
    text_at
        Position of the descriptions.
    delimiter
        Of CSV.
    schema
        The columns' types, where the source says them.
    blocks
        The rows, block by block: the arrays of all columns.
    """

    names: Sequence[str]
    text_at: int
    blocks: Iterator[Sequence[pa.Array]]
    delimiter: str = ","
    schema: pa.Schema | None = None


def text_column(job: Job, names: Sequence[str], where: str) -> int:
    """Return the position of the column that holds the descriptions.

    Raises
    ------
    DataError
        If it is not there once, or a column has the name of one that is added.
    """
    for name in PREDICTION_COLUMNS:
        if name in names:
            raise DataError(f"{where}: has a column {name!r}, which the output would add; rename it first")
    if list(names).count(job.column) != 1:
        found = "is there twice" if job.column in names else "is not there"
        raise DataError(f"{where}: column {job.column!r} {found}; found {', '.join(names)}; choose with --column")
    return list(names).index(job.column)


def chosen_names(job: Job, names: Sequence[str]) -> list[str]:
    """Return the names of the columns that are written.

    Raises
    ------
    DataError
        If one that was asked for is not there once.
    """
    every = [*names, *PREDICTION_COLUMNS]
    for name in job.columns or ():
        if every.count(name) != 1:
            found = "is there twice" if name in every else "is not there"
            raise DataError(f"{job.source}: --columns: {name!r} {found}; found {', '.join(every)}")
    return every if job.columns is None else list(job.columns)


def chosen_columns(job: Job, table: Table, columns: Sequence[pa.Array], predictions: Predictions) -> list[pa.Array]:
    """Return the columns of a block that are written."""
    every = [*columns, *predictions.columns]
    if job.columns is None:
        return every
    names = [*table.names, *PREDICTION_COLUMNS]
    return [every[names.index(name)] for name in job.columns]
