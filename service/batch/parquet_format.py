"""Parquet in and out; columns keep their types."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modality.errors import DataError
from service.batch.job import PREDICTION_COLUMNS, STANDARD_STREAM, Job
from service.batch.tabular import Table, chosen_names, text_column

__all__ = ["ROWS_PER_BLOCK", "arrow_block", "read_parquet", "target_schema", "write_parquet"]

ROWS_PER_BLOCK = 1 << 15
_PREDICTION_TYPES = (pa.string(), pa.float64(), pa.string(), pa.string(), pa.bool_())


@contextmanager
def read_parquet(job: Job) -> Iterator[tuple[Table, Callable[[], int]]]:
    """Open a Parquet file; give its rows, and a function that tells how much was read.

    Raises
    ------
    DataError
        If it is not one, or the descriptions are not strings.
    """
    if job.source == STANDARD_STREAM:
        raise DataError(f"{job.source}: Parquet cannot be read from a stream; expected a file")
    try:
        opened = job.source.open("rb")
    except OSError as error:
        raise DataError(f"{job.source}: {error.strerror}; expected a file of descriptions") from error
    with opened:
        try:
            file = pq.ParquetFile(opened)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{job.source}: {_one_line(error)}; expected a Parquet file") from error
        schema = file.schema_arrow
        at = text_column(job, schema.names, str(job.source))
        kind = schema.types[at]
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(value) or pa.types.is_large_string(value)):
            raise DataError(f"{job.source}: column {job.column!r}: found {kind}; expected strings")
        yield Table(schema.names, at, _blocks(job, file, at), schema=schema), opened.tell


def _one_line(error: Exception) -> str:
    """Return what Arrow says, shortened."""
    return " ".join(str(error).split())[:200]


def _blocks(job: Job, file: pq.ParquetFile, at: int) -> Iterator[Sequence[pa.Array]]:
    """Yield the columns of a block of rows."""
    try:
        for batch in file.iter_batches(ROWS_PER_BLOCK):
            columns = list(batch.columns)
            if pa.types.is_dictionary(columns[at].type):
                columns[at] = columns[at].dictionary_decode()
            yield columns
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{job.source}: {_one_line(error)}; expected a whole Parquet file") from error


def target_schema(job: Job, table: Table) -> pa.Schema:
    """Return the schema of what is written."""
    types = list(table.schema.types) if table.schema is not None else [pa.string()] * len(table.names)
    types[table.text_at] = pa.large_string() if types[table.text_at] == pa.large_string() else pa.string()
    of = dict(zip([*table.names, *PREDICTION_COLUMNS], [*types, *_PREDICTION_TYPES], strict=True))
    return pa.schema([(name, of[name]) for name in chosen_names(job, table.names)])


def arrow_block(schema: pa.Schema, columns: Sequence[pa.Array]) -> pa.Buffer:
    """Return a block as an Arrow stream of its own: such streams stand one after the other in a partial file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        cast = [pc.cast(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
        writer.write_batch(pa.record_batch(cast, schema=schema))
    return sink.getvalue()


def write_parquet(partial: Path, target: Path, schema: pa.Schema) -> None:
    """Write the blocks of a partial file as Parquet."""
    with pa.OSFile(str(partial)) as blocks, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        while blocks.tell() < blocks.size():
            for batch in pa.ipc.open_stream(blocks):
                writer.write_batch(batch)
