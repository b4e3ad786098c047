"""Prompts to calibrated log-odds: the one implementation behind every door, and behind training."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modality import kernels
from modality.artifact import Manifest, Weights
from modality.errors import ArtifactDamagedError
from modality.unicode_tables import unicode_tables

__all__ = ["Scorer", "Scores"]

LOG_TF_LENGTH = 4096  #: counts above are computed as they come
MEMO_ENTRIES = 1 << 14  #: chunks that a thread remembers; about 9 MB at 32 lanes


@dataclass(frozen=True)
class Scores:
    """What the model says of n prompts.

    Attributes
    ----------
    logits
        float32, shape (n_prompts, n_labels): calibrated log-odds, in the order of the manifest.
    n_ngrams
        int64, shape (n_prompts, 2): all n-grams of a prompt, and how many the model knows.
    """

    logits: NDArray[np.float32]
    n_ngrams: NDArray[np.int64]


class Scorer:
    """A model's weights, laid out for the kernels.

    Threads may share one scorer: each has its own scratch memory, bounded in size.

    Parameters
    ----------
    weights, manifest
        As :mod:`modality.artifact` reads them.

    Raises
    ------
    ArtifactDamagedError
        If two n-grams of the vocabulary share a hash.
    """

    def __init__(self, weights: Weights, manifest: Manifest) -> None:
        n_features, self.n_labels = weights.coef.shape
        slope, intercept = np.array(manifest.calibration, np.float64).T
        width = -(-(self.n_labels + 1) // kernels.LANES) * kernels.LANES
        rows = np.zeros((n_features, width), np.float32)
        rows[:, : self.n_labels] = weights.coef * slope * weights.idf[:, None].astype(np.float64)
        rows[:, self.n_labels] = weights.idf.astype(np.float64) ** 2
        bias = (weights.intercept * slope + intercept).astype(np.float32)
        table = np.zeros(1 << int(np.ceil(np.log2(max(2 * n_features, 2)))), np.uint64)
        collision = kernels.build_table(weights.vocabulary, table)
        if collision >= 0:
            raise ArtifactDamagedError(
                f"weights.npz: vocabulary: entry {collision} has the hash of another; train again"
            )
        log_tf = np.zeros(LOG_TF_LENGTH, np.float32)
        log_tf[1:] = 1 + np.log(np.arange(1, LOG_TF_LENGTH))
        self._longest_ngram = int(manifest.ngrams[2])
        self._model = (table, rows, manifest.n_word_features, bias, log_tf, tuple(int(n) for n in manifest.ngrams))
        self._tables = unicode_tables()
        self._local = threading.local()

    def score(self, prompts: Sequence[str]) -> Scores:
        """Score prompts one after the other.

        Parameters
        ----------
        prompts
            Any Unicode text, lone surrogates included.
        """
        encoded = [prompt.encode("utf-8", "surrogatepass") for prompt in prompts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(item) for item in encoded], out=offsets[1:])
        return self.score_buffer(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def score_buffer(self, buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Scores:
        """Score prompts that lie in one buffer.

        Parameters
        ----------
        buffer
            UTF-8, lone surrogates as three bytes.
        offsets
            int64, shape (n_prompts + 1,): prompt i is ``buffer[offsets[i]:offsets[i + 1]]``.
        """
        n = len(offsets) - 1
        scores = Scores(np.empty((n, self.n_labels), np.float32), np.empty((n, 2), np.int64))
        if n:
            scratch = self._scratch(int(np.diff(offsets).max()))
            kernels.score(
                buffer, offsets, 0, n, self._tables, self._model, scratch.buffers, scratch.memo, *_arrays(scores)
            )
        return scores

    def _scratch(self, n_bytes: int) -> "_Scratch":
        """Return this thread's memory, large enough for a prompt of so many bytes."""
        scratch: _Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = _Scratch(_new_memo(self._model[1].shape[1]))
        if scratch.n_bytes < n_bytes or scratch.n_bytes > max(SHRINK_ABOVE, 4 * n_bytes):
            scratch.grow(max(n_bytes, 4096), self._model[1].shape, self._longest_ngram)
        return scratch


SHRINK_ABOVE = 1 << 18  #: scratch for longer prompts, in bytes, is given back when shorter ones follow


@dataclass
class _Scratch:
    """What one thread writes to while it scores."""

    memo: tuple[NDArray[Any], ...]
    n_bytes: int = 0
    buffers: tuple[NDArray[Any], ...] = field(default=())

    def grow(self, n_bytes: int, rows: tuple[int, int], longest: int) -> None:
        """Make the buffers long enough for prompts of so many bytes."""
        n_features, width = rows
        n_ids = n_bytes * (longest + 2) + 64
        self.buffers = (
            np.zeros(2 * n_bytes + 8, np.uint32),
            np.zeros(n_ids, np.int32),
            np.zeros(n_features, np.int32),
            np.zeros(n_ids, np.int32),
            np.zeros(n_ids, np.int32),
            np.zeros((2, width), np.float32),
        )
        self.n_bytes = n_bytes


def _new_memo(width: int) -> tuple[NDArray[Any], ...]:
    """Return an empty chunk memo."""
    n = MEMO_ENTRIES
    return (
        np.zeros(4 * n, np.uint64),
        np.full(4 * n, -1, np.int32),
        np.zeros((n, kernels.MAX_MEMO_BYTES), np.uint8),
        np.zeros((n, 2), np.int64),
        np.zeros((n, 4), np.int64),
        np.zeros((n, 2), np.uint64),
        np.zeros((n, 2 * width), np.float32),
        np.zeros(40 * n, np.int32),
        np.zeros(2, np.int64),
    )


def _arrays(scores: Scores) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays that the kernel fills."""
    return scores.logits, scores.n_ngrams
