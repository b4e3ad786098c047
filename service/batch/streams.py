"""Where a run reads from and writes to: files and the standard streams."""

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from modality.errors import DataError
from service.batch.job import STANDARD_STREAM, Job

__all__ = ["BLOCK_BYTES", "CountedSource", "encoding_problem", "open_source", "open_target"]

BLOCK_BYTES = 4 << 20  #: read at once; no row of a CSV file can be longer


@contextmanager
def open_source(path: Path) -> Iterator[BinaryIO]:
    """Open a file or standard input."""
    if path == STANDARD_STREAM:
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected a file of descriptions") from error
    with file:
        yield file


@contextmanager
def open_target(path: Path) -> Iterator[IO[bytes]]:
    """Open standard output, or a temporary file that replaces the target at the end."""
    if path == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise DataError(f"{path}: cannot write there: {error.strerror}") from error
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise DataError(f"{path}: cannot write: {error.strerror}; nothing was kept") from error


class CountedSource(io.RawIOBase):
    """A source that counts what is read of it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.n_bytes = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read once."""
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self.n_bytes += len(data)
        return len(data)


def encoding_problem(job: Job, where: str) -> str:
    """Say that a file is in another encoding."""
    return f"{job.source}: {where} is not {job.encoding}; name the encoding with --encoding"
