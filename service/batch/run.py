"""One run: a source, a target, and the format between them."""

import codecs
from collections.abc import Callable

from modality import Classifier
from modality.errors import DataError
from service.batch.csv_format import classify_csv
from service.batch.job import FORMATS, STANDARD_STREAM, Job, Summary
from service.batch.line_formats import classify_json_lines, classify_lines
from service.batch.streams import CountedSource, open_source, open_target

__all__ = ["Progress", "classify_file"]

Progress = Callable[[int, int], None]
_RUN = {"csv": classify_csv, "jsonl": classify_json_lines, "lines": classify_lines}


def classify_file(classifier: Classifier, job: Job, progress: Progress) -> Summary:
    """Classify every row of a file.

    Parameters
    ----------
    classifier
        The model.
    job
        What to read and write.
    progress
        Called after each block with the rows and the source's bytes done so far.

    Raises
    ------
    DataError
        If the source cannot be read as what it should be, or the target cannot be written; the message
        says where. The target is then as it was before.
    """
    _check_paths(job)
    summary = Summary()
    with open_source(job.source) as source, open_target(job.target) as target:
        counted = CountedSource(source)
        for n_rows in _RUN[job.format](classifier, job, counted, target, summary):
            summary.n_rows += n_rows
            progress(summary.n_rows, counted.n_bytes)
    return summary


def _check_paths(job: Job) -> None:
    """Refuse what can be refused before a byte is read."""
    if job.format not in FORMATS:
        raise DataError(f"format {job.format!r}: expected one of {', '.join(FORMATS)}")
    try:
        codecs.lookup(job.encoding)
    except LookupError:
        raise DataError(f"encoding {job.encoding!r}: unknown; expected a name such as utf-8, latin-1, utf-16") from None
    both_files = STANDARD_STREAM not in (job.source, job.target) and job.target.exists() and job.source.exists()
    if both_files and job.source.samefile(job.target):
        raise DataError(f"{job.target}: output is the input; expected another file")
