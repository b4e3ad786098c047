"""JSON Lines, and one description a line."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from modality.errors import DataError
from service.batch.job import PREDICTION_COLUMNS, Job
from service.batch.predictions import Predictions
from service.batch.streams import BLOCK_BYTES, Source, encoding_problem
from service.batch.tabular import Table

__all__ = ["JsonLines", "json_lines", "read_json_lines", "read_lines"]


@dataclass(frozen=True)
class JsonLines:
    """A block of JSON Lines.

    Attributes
    ----------
    lines
        Without the white space around them.
    records
        Their keys, with the bytes of their values.
    texts
        The descriptions.
    """

    lines: list[str]
    records: list[dict[str, msgspec.Raw]]
    texts: pa.StringArray


def read_json_lines(job: Job, source: Source) -> Iterator[JsonLines]:
    """Yield blocks of JSON Lines; empty lines are left out."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    for first, lines in _line_blocks(job, source):
        kept, records, texts = [], [], []
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            where = f"{job.source}:{number}"
            try:
                record = decode(line)
            except msgspec.MsgspecError as error:
                raise DataError(f"{where}: {error}; expected a JSON object") from error
            texts.append(_json_text(where, record, job.column))
            records.append(record)
            kept.append(line.strip())
        yield JsonLines(kept, records, pa.array(texts, pa.string()))


def json_lines(job: Job, block: JsonLines, predictions: Predictions) -> bytes:
    """Return JSON Lines: each line as it was with keys added, or an object of the keys that were chosen."""
    encode = msgspec.json.Encoder().encode
    columns = [column.to_pylist() for column in predictions.columns]
    out = bytearray()
    for line, record, *values in zip(block.lines, block.records, *columns, strict=True):
        category, confidence, needs, inputs, decided = values
        added = dict(
            zip(PREDICTION_COLUMNS, (category or "", confidence, needs or "", inputs or "", decided), strict=True)
        )
        if job.columns is None:
            comma = "" if line[1:-1].strip() == "" else ","
            out += f"{line[:-1]}{comma}".encode() + encode(added)[1:] + b"\n"
        else:
            every = {**record, **added}
            out += encode({name: every[name] for name in job.columns if name in every}) + b"\n"
    return bytes(out)


def _json_text(where: str, record: dict[str, msgspec.Raw], column: str) -> str:
    """Return the description of one JSON object."""
    for name in PREDICTION_COLUMNS:
        if name in record:
            raise DataError(f"{where}: has a key {name!r}, which the output would add; rename it first")
    if column not in record:
        raise DataError(f"{where}: no key {column!r}; found {', '.join(record)}; choose with --column")
    try:
        return msgspec.json.decode(record[column], type=str | None) or ""
    except msgspec.MsgspecError as error:
        raise DataError(f"{where}: {column}: {error}; expected a string") from error


def read_lines(job: Job, source: Source) -> Table:
    """Return the lines of a text file as the one column ``text``."""
    return Table(["text"], 0, _text_blocks(job, source))


def _text_blocks(job: Job, source: Source) -> Iterator[Sequence[pa.Array]]:
    """Yield blocks of lines without their ends."""
    for _, lines in _line_blocks(job, source):
        yield [pa.array([line.removesuffix("\n").removesuffix("\r") for line in lines], pa.string())]


def _line_blocks(job: Job, source: Source) -> Iterator[tuple[int, list[str]]]:
    """Yield blocks of lines with the number of their first."""
    encoding = "utf-8-sig" if job.encoding.lower() in ("utf-8", "utf8") else job.encoding
    reader = io.TextIOWrapper(source, encoding=encoding, newline="\n")
    number = 1
    while True:
        try:
            lines = reader.readlines(BLOCK_BYTES)
        except UnicodeDecodeError as error:
            raise DataError(encoding_problem(job, f"something after line {number - 1}")) from error
        if not lines:
            return
        yield number, lines
        number += len(lines)
