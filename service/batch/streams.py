"""Where a run reads from: files and standard input, decompressed by name, counted as they are read."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from modality.errors import DataError
from service.batch.job import STANDARD_STREAM, Job, names_of

__all__ = ["BLOCK_BYTES", "Source", "encoding_problem", "open_source"]

BLOCK_BYTES = 4 << 20  #: read at once; no row of a CSV file can be longer


class _Readable(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, none at the end."""


class _Raw(io.RawIOBase):
    """Anything readable, as Python's buffered readers want it; counts what is read of it."""

    def __init__(self, job: Job, source: _Readable, expected: str) -> None:
        self._job = job
        self._source = source
        self._expected = expected
        self.n_bytes = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read once."""
        try:
            data = self._source.read(len(buffer))
        except OSError as error:
            raise DataError(f"{self._job.source}: {error.strerror or error}; expected {self._expected}") from error
        buffer[: len(data)] = data
        self.n_bytes += len(data)
        return len(data)


class Source(io.BufferedReader):
    """The bytes of a run's source, after decompression."""

    def __init__(self, job: Job, file: _Readable) -> None:
        self._counted = raw = _Raw(job, file, "a file of descriptions")
        compression = names_of(job.source)[1]
        if compression:
            plain = pa.CompressedInputStream(pa.PythonFile(self._counted, "r"), compression)
            raw = _Raw(job, plain, f"a whole {compression} file")
        super().__init__(raw, BLOCK_BYTES)

    @property
    def n_bytes_read(self) -> int:
        """How much of the file itself was read."""
        return self._counted.n_bytes


@contextmanager
def open_source(job: Job) -> Iterator[Source]:
    """Open a run's source.

    Raises
    ------
    DataError
        If it cannot be read, or is not compressed as its name says.
    """
    if job.source == STANDARD_STREAM:
        yield Source(job, sys.stdin.buffer)
        return
    try:
        file = job.source.open("rb")
    except OSError as error:
        raise DataError(f"{job.source}: {error.strerror}; expected a file of descriptions") from error
    with file:
        yield Source(job, file)


def encoding_problem(job: Job, where: str) -> str:
    """Say that a file is in another encoding."""
    return f"{job.source}: {where} is not {job.encoding}; name the encoding with --encoding"
