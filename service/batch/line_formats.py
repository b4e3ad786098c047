"""JSON Lines, and one description a line."""

import io
from collections.abc import Iterator
from typing import IO

import msgspec
import pyarrow as pa

from modality import Classifier
from modality.errors import DataError
from service.batch.csv_format import csv_line, csv_rows, prediction_cells
from service.batch.job import PREDICTION_COLUMNS, Job, Summary, predict
from service.batch.streams import BLOCK_BYTES, CountedSource, encoding_problem

__all__ = ["classify_json_lines", "classify_lines"]


def classify_json_lines(
    classifier: Classifier, job: Job, source: CountedSource, target: IO[bytes], summary: Summary
) -> Iterator[int]:
    """Classify JSON Lines; a line's own bytes are written back, in UTF-8."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    encode = msgspec.json.Encoder().encode
    for first, lines in _line_blocks(job, source):
        kept, texts = [], []
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            where = f"{job.source}:{number}"
            try:
                record = decode(line)
            except msgspec.MsgspecError as error:
                raise DataError(f"{where}: {error}; expected a JSON object") from error
            texts.append(_json_text(where, record, job.column))
            kept.append(line.strip())
        columns = predict(classifier, texts, summary)
        for line, *values in zip(
            kept, columns.category, columns.confidence, columns.needs, columns.inputs, columns.decided, strict=True
        ):
            added = encode(dict(zip(PREDICTION_COLUMNS, values, strict=True)))
            comma = "" if line[1:-1].strip() == "" else ","
            target.write(f"{line[:-1]}{comma}".encode() + added[1:] + b"\n")
        yield len(kept)


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


def classify_lines(
    classifier: Classifier, job: Job, source: CountedSource, target: IO[bytes], summary: Summary
) -> Iterator[int]:
    """Classify one description a line."""
    target.write(csv_line(["text", *PREDICTION_COLUMNS], ","))
    for _, lines in _line_blocks(job, source):
        texts = [line.removesuffix("\n").removesuffix("\r") for line in lines]
        columns = predict(classifier, texts, summary)
        target.write(csv_rows([pa.array(texts, pa.string()), *prediction_cells(columns)], ","))
        yield len(texts)


def _line_blocks(job: Job, source: CountedSource) -> Iterator[tuple[int, list[str]]]:
    """Yield blocks of lines with the number of their first."""
    encoding = "utf-8-sig" if job.encoding.lower() in ("utf-8", "utf8") else job.encoding
    reader = io.TextIOWrapper(io.BufferedReader(source, BLOCK_BYTES), encoding=encoding, newline="\n")
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
