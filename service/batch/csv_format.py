"""CSV in and out through Arrow, block by block."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import IO, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modality import Classifier
from modality.errors import DataError
from service.batch.job import PREDICTION_COLUMNS, Columns, Job, Summary, predict
from service.batch.streams import BLOCK_BYTES, CountedSource, encoding_problem

__all__ = ["classify_csv", "csv_line", "csv_rows", "prediction_cells"]

_SNIFF_BYTES = 1 << 16
_DELIMITERS = ",;\t|"


def classify_csv(
    classifier: Classifier, job: Job, source: CountedSource, target: IO[bytes], summary: Summary
) -> Iterator[int]:
    """Classify CSV."""
    buffered = io.BufferedReader(source, _SNIFF_BYTES)
    header, delimiter = _csv_header(job, buffered.peek(_SNIFF_BYTES))
    for name in PREDICTION_COLUMNS:
        if name in header:
            raise DataError(f"{job.source}:1: has a column {name!r}, which the output would add; rename it first")
    at = _column(job, header)
    # Names are replaced by positions, so that a header with a name twice comes back as it was.
    names = [str(i) for i in range(len(header))]
    reader = _arrow_reader(job, buffered, names, delimiter)
    target.write(csv_line([*header, *PREDICTION_COLUMNS], delimiter))
    n_rows = 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            raise DataError(_csv_problem(job, n_rows, error, len(header))) from error
        n_rows += batch.num_rows
        columns = predict(classifier, batch.column(at).to_pylist(), summary)
        target.write(csv_rows([*batch.columns, *prediction_cells(columns)], delimiter))
        yield batch.num_rows


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


def _column(job: Job, header: Sequence[str]) -> int:
    """Return the position of the column that holds the descriptions."""
    if header.count(job.column) != 1:
        found = "is there twice" if job.column in header else "is not there"
        raise DataError(
            f"{job.source}:1: column {job.column!r} {found}; found {', '.join(header)}; choose with --column"
        )
    return header.index(job.column)


def _arrow_reader(job: Job, source: BinaryIO, names: Sequence[str], delimiter: str) -> pa_csv.CSVStreamingReader:
    """Return a reader of text columns alone, so that no value is taken for a number or a null."""
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


def csv_rows(columns: Sequence[pa.StringArray], delimiter: str) -> pa.Buffer:
    """Return rows of CSV, quotes only where a cell needs them.

    Arrow's own writer quotes every string. Joined cells of one array lie in one buffer, which is the CSV.
    """
    cells = [_quoted(column, delimiter) for column in columns]
    last = pc.binary_join_element_wise(cells.pop(), "", "\n")
    return pc.binary_join_element_wise(*cells, last, delimiter).buffers()[2]


def _quoted(column: pa.StringArray, delimiter: str) -> pa.StringArray:
    """Return cells with quotes around those that hold a quote, a delimiter or a line break."""
    special = pc.match_substring_regex(column, f'["\\r\\n{re.escape(delimiter)}]')
    if not pc.any(special).as_py():
        return column
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
    return pc.if_else(special, quoted, column)


def prediction_cells(columns: Columns) -> list[pa.StringArray]:
    """Return the predictions' columns as text; what is not there is empty."""
    confidence = ["" if value is None else f"{value:.6f}" for value in columns.confidence]
    decided = ["" if value is None else str(value).lower() for value in columns.decided]
    cells = (columns.category, confidence, columns.needs, columns.inputs, decided)
    return [pa.array(column, pa.string()) for column in cells]
