"""CSV in and out through Arrow, block by block."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modality.errors import DataError
from service.batch.job import Job
from service.batch.predictions import Predictions
from service.batch.streams import BLOCK_BYTES, Source, encoding_problem
from service.batch.tabular import Table, chosen_columns, text_column

__all__ = ["csv_block", "csv_line", "csv_rows", "read_csv", "refuse_unwritable"]

_SNIFF_BYTES = 1 << 16
_DELIMITERS = ",;\t|"


def read_csv(job: Job, source: Source) -> Table:
    """Return the rows of a CSV file; all columns are text, so that no value is taken for a number or a null."""
    header, delimiter = _csv_header(job, source.peek(_SNIFF_BYTES))
    at = text_column(job, header, f"{job.source}:1")
    return Table(header, at, _blocks(job, source, len(header), delimiter), delimiter)


def _blocks(job: Job, source: Source, n_columns: int, delimiter: str) -> Iterator[Sequence[pa.Array]]:
    """Yield the columns of a block of rows."""
    # Names are replaced by positions, so that a header with a name twice comes back as it was.
    reader = _arrow_reader(job, source, [str(i) for i in range(n_columns)], delimiter)
    n_rows = 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            raise DataError(_csv_problem(job, n_rows, error, n_columns)) from error
        n_rows += batch.num_rows
        yield batch.columns


def _csv_header(job: Job, beginning: bytes) -> tuple[list[str], str]:
    """Return the header's names and the delimiter."""
    if not beginning:
        raise DataError(f"{job.source}: is empty; expected a header line")
    encoding = "utf-8-sig" if job.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else job.encoding
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(beginning)
    except UnicodeDecodeError as error:
        raise DataError(encoding_problem(job, f"byte {error.start}")) from error
    first_line = text.splitlines()[0] if text.splitlines() else ""
    delimiter = job.delimiter or max(_DELIMITERS, key=first_line.count)
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{job.source}:1: {error}; expected a header line") from error
    return header, delimiter


def _arrow_reader(job: Job, source: Source, names: Sequence[str], delimiter: str) -> pa_csv.CSVStreamingReader:
    """Return a reader of text columns alone."""
    try:
        return pa_csv.open_csv(
            source,
            pa_csv.ReadOptions(
                block_size=BLOCK_BYTES, column_names=names, skip_rows_after_names=1, encoding=job.encoding
            ),
            # An empty line is a blank text where the text is all there is, and nothing elsewhere.
            pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(_csv_problem(job, 0, error, len(names))) from error


def _csv_problem(job: Job, n_rows: int, error: Exception, n_columns: int) -> str:
    """Say what Arrow found wrong with a CSV file, in one line."""
    message = " ".join(str(error).split())
    if "UTF8" in message or "UTF-8" in message or "decod" in message:
        return encoding_problem(job, f"something after row {n_rows}")
    return f"{job.source}: after row {n_rows}: {message[:200]}; expected {n_columns} fields in every row"


def csv_line(cells: Sequence[str], delimiter: str) -> bytes:
    """Return one line of CSV."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "surrogatepass")


def refuse_unwritable(job: Job, table: Table, names: Sequence[str]) -> None:
    """Refuse columns that have no form in CSV.

    Raises
    ------
    DataError
        If one that is written has lists, records or bytes.
    """
    for name in names:
        kind = table.schema.field(name).type if table.schema is not None and name in table.schema.names else pa.string()
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise DataError(
                f"{job.source}: column {name!r}: {kind} cannot be written as CSV; leave it out with --columns, "
                "or write Parquet"
            )


def csv_block(
    job: Job, table: Table, delimiter: str, columns: Sequence[pa.Array], predictions: Predictions
) -> pa.Buffer:
    """Return a block of rows with their predictions as CSV."""
    category, confidence, *others = predictions.columns
    shown = replace(predictions, columns=(category, _six_decimals(confidence), *others))
    return csv_rows(chosen_columns(job, table, columns, shown), delimiter)


def csv_rows(columns: Sequence[pa.Array], delimiter: str) -> pa.Buffer:
    """Return rows of CSV, quotes only where a cell needs them; null is an empty cell.

    Arrow's own writer quotes every string. Joined cells of one array lie in one buffer, which is the CSV.
    """
    cells = [_quoted(pc.fill_null(pc.cast(column, pa.string()), ""), delimiter) for column in columns]
    last = pc.binary_join_element_wise(cells.pop(), "", "\n")
    return pc.binary_join_element_wise(*cells, last, delimiter).buffers()[2]


def _six_decimals(column: pa.Array) -> pa.StringArray:
    """Return numbers in [0, 1] with six decimals; formatting them one by one would take longer than scoring."""
    millionths = np.rint(pc.fill_null(column, 0.0).to_numpy() * 1e6).astype(np.int64)
    digits = np.empty((len(millionths), 8), np.uint8)
    for place in range(7, 1, -1):
        millionths, digits[:, place] = np.divmod(millionths, 10)
    digits[:, 0] = millionths
    digits += ord("0")
    digits[:, 1] = ord(".")
    offsets = np.arange(0, digits.size + 1, 8, dtype=np.int32)
    text = pa.StringArray.from_buffers(len(digits), pa.py_buffer(offsets), pa.py_buffer(digits))
    return pc.if_else(column.is_valid(), text, "") if column.null_count else text


def _quoted(column: pa.StringArray, delimiter: str) -> pa.StringArray:
    """Return cells with quotes around those that hold a quote, a delimiter or a line break."""
    special = pc.match_substring_regex(column, f'["\\r\\n{re.escape(delimiter)}]')
    if not pc.any(special).as_py():
        return column
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
    return pc.if_else(special, quoted, column)
