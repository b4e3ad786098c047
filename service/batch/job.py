"""What a run is asked to do, and what it did."""

from dataclasses import dataclass
from pathlib import Path

from modality.errors import SettingsError

__all__ = ["COMPRESSIONS", "FORMATS", "PREDICTION_COLUMNS", "STANDARD_STREAM", "Job", "Summary", "names_of"]

FORMATS = ("csv", "jsonl", "lines", "parquet")
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
STANDARD_STREAM = Path("-")
PREDICTION_COLUMNS = ("category", "confidence", "predicted_needs", "predicted_inputs", "decided")
_FORMAT_OF = {".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "lines", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True)
class Job:
    """What to read, how, and where to.

    Attributes
    ----------
    source, target
        Files, or ``-`` for the standard streams; the names say the compression.
    format
        Of the source, one of ``FORMATS``.
    target_format
        Of the target, one of ``FORMATS`` but ``lines``.
    column
        Name of the column, or key of JSON Lines, that holds the description.
    delimiter
        Of CSV; None to find it out from the header.
    encoding
        Of the source, as Python names it; output is always UTF-8.
    columns
        What to write, in this order: names of the source's columns and of ``PREDICTION_COLUMNS``; None for all.
    resume
        Whether to continue an interrupted run.
    """

    source: Path
    target: Path
    format: str
    target_format: str
    column: str = "text"
    delimiter: str | None = None
    encoding: str = "utf-8"
    columns: tuple[str, ...] | None = None
    resume: bool = False

    @classmethod
    def of(cls, source: Path, target: Path, format_: str | None = None, **options: object) -> "Job":
        """Return the job with the formats that the names say, where they say any.

        Parameters
        ----------
        source, target
            Files, or ``-``.
        format_
            Of the source; None for what its name says.
        **options
            The other attributes.

        Raises
        ------
        SettingsError
            If the source's format cannot be written as what the target's name says.
        """
        found = format_ or names_of(source)[0] or "csv"
        written = names_of(target)[0] if target != STANDARD_STREAM else None
        if written in (None, "lines"):
            written = "csv" if found == "lines" else found
        if (found == "jsonl") != (written == "jsonl"):
            raise SettingsError(
                f"{target}: cannot write {found} as {written}; expected a name for {found}, "
                "or for csv or parquet where those are read"
            )
        return cls(source, target, found, written, **options)  # type: ignore[arg-type]


@dataclass
class Summary:
    """What a run did, the part of an earlier run that it continued included: ``n_continued`` rows."""

    n_rows: int = 0
    n_continued: int = 0
    n_blank: int = 0
    n_undecided: int = 0
    n_truncated: int = 0


def names_of(path: Path) -> tuple[str | None, str | None]:
    """Return the format and the compression that a file's name says, None for what it does not say.

    >>> names_of(Path("tasks.ndjson.gz"))
    ('jsonl', 'gzip')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return ("csv" if last in (".csv", ".tsv") else _FORMAT_OF.get(last)), compression
