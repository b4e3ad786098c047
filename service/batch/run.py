"""One run: a source, a target, and the blocks between them, scored on all cores."""

import codecs
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from modality import Classifier
from modality.errors import DataError, SettingsError
from service.batch.csv_format import csv_block, csv_line, read_csv, refuse_unwritable
from service.batch.job import FORMATS, STANDARD_STREAM, Job, Summary, names_of
from service.batch.line_formats import JsonLines, json_lines, read_json_lines, read_lines
from service.batch.parquet_format import arrow_block, read_parquet, target_schema, write_parquet
from service.batch.partial import Partial, Run
from service.batch.predictions import Predictions, predict
from service.batch.streams import open_source
from service.batch.tabular import Table, chosen_columns, chosen_names

__all__ = ["Progress", "classify_file"]

Progress = Callable[[int, int], None]
_LEVELS = {"gzip": 6, "zstd": 3}  # the programs' own defaults
_Convert = Callable[[Path, Path], None]


@dataclass(frozen=True)
class _Plan:
    """How a run goes.

    Attributes
    ----------
    blocks
        Of the source, in order; each is the argument of the two functions.
    texts
        Returns the descriptions of a block.
    render
        Returns the bytes that are written for a block; runs on any thread.
    n_bytes_read
        Returns how much of the source was read so far.
    header
        The bytes before the first block.
    convert
        Writes the target from the partial output; None where that is the target already.
    """

    blocks: Iterator[Any]
    texts: Callable[[Any], pa.Array]
    render: Callable[[Any, Predictions], Any]
    n_bytes_read: Callable[[], int]
    header: Any = b""
    convert: _Convert | None = None


@dataclass
class _StandardOutput:
    """A target that is written as the run goes."""

    n_blocks: int = 0
    summary: Summary = field(default_factory=Summary)

    def write(self, data: Any) -> None:
        """Add a complete block."""
        sys.stdout.buffer.write(data)
        self.n_blocks += 1


def classify_file(classifier: Classifier, job: Job, progress: Progress, n_threads: int | None = None) -> Summary:
    """Classify every row of a file.

    Parameters
    ----------
    classifier
        The model.
    job
        What to read and write.
    progress
        Called after each block with the rows and the source's bytes done so far.
    n_threads
        How many threads score; None for as many as there are cores.

    Returns
    -------
    Summary
        Of the whole run, an earlier part that was continued included.

    Raises
    ------
    SettingsError
        If what is asked for cannot be done.
    DataError
        If the source cannot be read as what it should be, or the target cannot be written; the message
        says where. The target is then as it was before.
    """
    _check(job)
    with _plan(job) as plan, _output(job, classifier.manifest.version, plan.convert) as output:
        summary = output.summary
        summary.n_continued = summary.n_rows
        if output.n_blocks == 0:
            output.write(plan.header)
        for _ in islice(plan.blocks, output.n_blocks - 1):  # complete already
            progress(summary.n_rows, plan.n_bytes_read())

        def work(block: Any) -> tuple[Predictions, Any]:
            predictions = predict(classifier, plan.texts(block))
            return predictions, plan.render(block, predictions)

        for predictions, data in _in_order(work, plan.blocks, n_threads or _n_cores()):
            summary.n_rows += len(predictions.columns[0])
            summary.n_blank += predictions.n_blank
            summary.n_undecided += predictions.n_undecided
            summary.n_truncated += predictions.n_truncated
            output.write(data)
            progress(summary.n_rows, plan.n_bytes_read())
    return summary


def _check(job: Job) -> None:
    """Refuse what can be refused before a byte is read."""
    if job.format not in FORMATS:
        raise SettingsError(f"format {job.format!r}: expected one of {', '.join(FORMATS)}")
    try:
        codecs.lookup(job.encoding)
    except LookupError:
        raise SettingsError(
            f"encoding {job.encoding!r}: unknown; expected a name such as utf-8, latin-1, utf-16"
        ) from None
    streams = STANDARD_STREAM in (job.source, job.target)
    if job.resume and streams:
        raise SettingsError("--resume: standard input and output cannot be continued; expected two files")
    if job.target_format == "parquet" and (job.target == STANDARD_STREAM or names_of(job.target)[1]):
        raise SettingsError(f"{job.target}: Parquet has its own compression and cannot be a stream; expected a file")
    if not streams and job.target.exists() and job.source.exists() and job.source.samefile(job.target):
        raise DataError(f"{job.target}: output is the input; expected another file")


@contextmanager
def _plan(job: Job) -> Iterator[_Plan]:
    """Open a run's source and say what is to be done with it."""
    if job.format == "parquet":
        with read_parquet(job) as (table, n_bytes_read):
            yield _table_plan(job, table, n_bytes_read)
        return
    with open_source(job) as source:

        def n_bytes_read() -> int:
            return source.n_bytes_read

        if job.format == "jsonl":
            plan = _Plan(read_json_lines(job, source), _json_texts, partial(json_lines, job), n_bytes_read)
            yield _compressed(job, plan)
        else:
            table = read_csv(job, source) if job.format == "csv" else read_lines(job, source)
            yield _table_plan(job, table, n_bytes_read)


def _json_texts(block: JsonLines) -> pa.StringArray:
    """Return the descriptions of a block of JSON Lines."""
    return block.texts


def _table_plan(job: Job, table: Table, n_bytes_read: Callable[[], int]) -> _Plan:
    """Return the plan for rows with named columns."""

    def texts(columns: Any) -> pa.Array:
        return columns[table.text_at]

    if job.target_format == "parquet":
        schema = target_schema(job, table)

        def render(columns: Any, predictions: Predictions) -> Any:
            return arrow_block(schema, chosen_columns(job, table, columns, predictions))

        return _Plan(table.blocks, texts, render, n_bytes_read, convert=partial(write_parquet, schema=schema))
    names = chosen_names(job, table.names)
    refuse_unwritable(job, table, names)
    delimiter = "\t" if ".tsv" in job.target.suffixes else table.delimiter
    plan = _Plan(
        table.blocks, texts, partial(csv_block, job, table, delimiter), n_bytes_read, csv_line(names, delimiter)
    )
    return _compressed(job, plan)


def _compressed(job: Job, plan: _Plan) -> _Plan:
    """Return the plan with each block compressed by itself, which gzip and zstd both allow, where that is asked for."""
    compression = names_of(job.target)[1]
    if compression is None:
        return plan

    def render(block: Any, predictions: Predictions) -> Any:
        return _compress(plan.render(block, predictions), compression)

    return replace(plan, render=render, header=_compress(plan.header, compression))


def _compress(data: Any, compression: str) -> Any:
    """Return data compressed by a codec of its own: one codec is not for several threads."""
    return pa.Codec(compression, compression_level=_LEVELS[compression]).compress(data)


@contextmanager
def _output(job: Job, model: str, convert: _Convert | None) -> Iterator[Partial | _StandardOutput]:
    """Open a run's target; what becomes of it is decided by how the run ends."""
    if job.target == STANDARD_STREAM:
        yield _StandardOutput()
        sys.stdout.buffer.flush()
        return
    run = None if job.source == STANDARD_STREAM else Run.of(job, model)
    output = Partial(job.target, run, resume=job.resume)
    try:
        yield output
        output.finish(convert)
    except DataError:
        output.discard()
        raise
    except OSError as error:
        kept = output.keep()
        then = "what is complete is kept; continue with --resume" if kept else "nothing was kept"
        raise DataError(f"{job.target}: cannot write: {error.strerror or error}; {then}") from error
    except BaseException:
        output.enter()
        output.keep()
        raise


def _in_order(work: Callable[[Any], Any], blocks: Iterator[Any], n_threads: int) -> Iterator[Any]:
    """Yield the results of work on blocks, in the order of the blocks; few are under way at once."""
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(n_threads, "scorer") as pool:
        try:
            for block in blocks:
                waiting.append(pool.submit(work, block))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
