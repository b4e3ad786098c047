"""What a run has written so far: a file beside the target, and a journal of its complete blocks.

The target appears when the run is complete. A run that is interrupted leaves the two, and ``--resume``
continues from the last block that the journal has.
"""

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import msgspec

from modality.errors import DataError
from service.batch.job import Job, Summary

__all__ = ["Partial", "Run", "partial_path"]

SECONDS_BETWEEN_ENTRIES = 2.0


class Run(msgspec.Struct, frozen=True):
    """What must be the same for a run to be continued: the source, what is asked for, and who answers."""

    source: str
    size: int
    modified_ns: int
    format: str
    target_format: str
    column: str
    delimiter: str | None
    encoding: str
    columns: tuple[str, ...] | None
    model: str

    @classmethod
    def of(cls, job: Job, model: str) -> "Run":
        """Return the identity of a run."""
        status = job.source.stat()
        same = {name: getattr(job, name) for name in cls.__struct_fields__ if hasattr(job, name)}
        same["source"] = str(job.source.resolve())
        return cls(**same, size=status.st_size, modified_ns=status.st_mtime_ns, model=model)


class _Entry(msgspec.Struct):
    """The journal: what is complete."""

    run: Run | None
    n_blocks: int
    n_bytes: int
    summary: dict[str, int]


def partial_path(target: Path) -> Path:
    """Return where the partial output for a target is.

    >>> partial_path(Path("out.csv")).name
    '.out.csv.partial'
    """
    return target.with_name(f".{target.name}.partial")


class Partial:
    """The output of a run until it is complete.

    Attributes
    ----------
    n_blocks
        How many blocks are complete already, from an earlier run.
    summary
        What was done in them; the caller keeps it up to date.
    """

    def __init__(self, target: Path, run: Run | None, *, resume: bool) -> None:
        """Open the partial output, from its beginning or where an earlier run ended.

        Parameters
        ----------
        target
            The file that appears at the end.
        run
            None if the run cannot be continued.
        resume
            Whether to continue.

        Raises
        ------
        DataError
            If it cannot be written, another run writes it, or what is there is of another run.
        """
        self._target = target
        self._path = partial_path(target)
        self._journal = self._path.with_name(f"{self._path.name}.json")
        self._run = run
        self.n_blocks = 0
        self.summary = Summary()
        self._entered = time.monotonic()
        self._complete: _Entry | None = None
        try:
            self._file: IO[bytes] = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            raise DataError(f"{target}: cannot write there: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise DataError(f"{target}: another run writes it; wait for it, or name another file") from None
        try:
            self._file.seek(self._continue_at() if resume else self._start_anew())
            self._file.truncate()
        except BaseException:
            self._file.close()
            raise

    def _start_anew(self) -> int:
        """Forget an earlier run."""
        self._journal.unlink(missing_ok=True)
        return 0

    def _continue_at(self) -> int:
        """Return the byte where the last complete block of the earlier run ends."""
        if not self._journal.exists():
            return 0
        try:
            entry = msgspec.json.decode(self._journal.read_bytes(), type=_Entry)
        except msgspec.MsgspecError as error:
            raise DataError(f"{self._journal}: {error}; run again without --resume") from error
        for name in Run.__struct_fields__:
            was, now = getattr(entry.run, name), getattr(self._run, name)
            if was != now:
                raise DataError(
                    f"{self._target}: cannot be continued: {name} was {was!r}, is {now!r}; run again without --resume"
                )
        if self._path.stat().st_size < entry.n_bytes:
            raise DataError(f"{self._path}: is shorter than its journal says; run again without --resume")
        self.n_blocks, self.summary = entry.n_blocks, Summary(**entry.summary)
        return entry.n_bytes

    def write(self, data: Any) -> None:
        """Add a complete block; ``summary`` is then that of all that is complete."""
        self._file.write(data)
        self.n_blocks += 1
        self._complete = _Entry(self._run, self.n_blocks, self._file.tell(), asdict(self.summary))
        if time.monotonic() - self._entered > SECONDS_BETWEEN_ENTRIES:
            self.enter()

    def enter(self) -> None:
        """Put down in the journal what is complete, once it is on the disk."""
        if self._run is None or self._complete is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        new = self._journal.with_name(f"{self._journal.name}.new")
        new.write_bytes(msgspec.json.encode(self._complete))
        new.replace(self._journal)
        self._entered = time.monotonic()

    def finish(self, convert: Callable[[Path, Path], None] | None) -> None:
        """Make the target appear.

        Parameters
        ----------
        convert
            Writes the second path from the first, where the partial output is not what the target has.
        """
        self._file.flush()
        complete = self._path
        if convert is not None:
            complete = self._path.with_name(f"{self._path.name}.complete")
            convert(self._path, complete)
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        complete.replace(self._target)
        self.discard()

    def discard(self) -> None:
        """Leave nothing."""
        self._file.close()
        name = self._path.name
        for path in (
            self._path,
            *(self._path.with_name(f"{name}{end}") for end in (".json", ".json.new", ".complete")),
        ):
            path.unlink(missing_ok=True)

    def keep(self) -> bool:
        """Leave what the journal has, for a run with ``--resume``; return whether there is anything."""
        if not self._journal.exists():
            self.discard()
            return False
        self._file.close()
        return True
