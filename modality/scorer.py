"""Prompts to calibrated log-odds: the one implementation behind every door, and behind training."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modality import kernels
from modality.artifact import Manifest, Weights
from modality.errors import ArtifactDamagedError
from modality.unicode_tables import unicode_tables

__all__ = ["Scorer", "Scores"]

LOG_TF_LENGTH = 4096  #: counts above are computed as they come
MEMO_CHUNKS = 1 << 15  #: that a thread remembers, 512 bytes each at 24 lanes
SMALLEST_SCRATCH = 4096  #: bytes of the longest prompt that a thread is always ready for
SHRINK_ABOVE = 1 << 18  #: scratch for longer prompts, in bytes, is given back when shorter ones follow


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
        n_words = manifest.n_word_features
        # The commonest first, words and characters apart.
        order = np.concatenate(
            [
                np.argsort(weights.idf[:n_words], kind="stable"),
                n_words + np.argsort(weights.idf[n_words:], kind="stable"),
            ]
        )
        idf = weights.idf[order]
        slope, intercept = np.array(manifest.calibration, np.float64).T
        width = -(-(self.n_labels + 1) // kernels.LANES) * kernels.LANES
        rows = np.zeros((n_features, width), np.float32)
        rows[:, : self.n_labels] = weights.coef[order] * slope * idf[:, None].astype(np.float64)
        rows[:, self.n_labels] = idf.astype(np.float64) ** 2
        bias = (weights.intercept * slope + intercept).astype(np.float32)
        table = np.zeros(1 << int(np.ceil(np.log2(max(2 * n_features, 2)))), np.uint64)
        collision = kernels.build_table(weights.vocabulary[order], table)
        if collision >= 0:
            raise ArtifactDamagedError(
                f"weights.npz: vocabulary: entry {order[collision]} has the hash of another; train again"
            )
        log_tf = np.zeros(LOG_TF_LENGTH, np.float32)
        log_tf[1:] = 1 + np.log(np.arange(1, LOG_TF_LENGTH))
        self._shape = (n_features, width)
        self._longest_ngram = int(manifest.ngrams[2])
        self._arrays = (*unicode_tables(), table, rows, bias, log_tf)
        self._model = kernels.model_table(unicode_tables(), table, rows, bias, log_tf, n_words, manifest.ngrams)
        self._model_at = kernels.address(self._model)
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
        """Score prompts that lie in one buffer; other threads run meanwhile.

        Parameters
        ----------
        buffer
            UTF-8, lone surrogates as three bytes.
        offsets
            int64, shape (n_prompts + 1,): prompt i is ``buffer[offsets[i]:offsets[i + 1]]``.
        """
        n = len(offsets) - 1
        scores = Scores(np.empty((n, self.n_labels), np.float32), np.empty((n, 2), np.int64))
        scratch = self._scratch(int(np.diff(offsets).max(initial=0)))
        where = [kernels.address(array) for array in (buffer, offsets, scores.logits, scores.n_ngrams)]
        kernels.score(*where[:2], 0, n, self._model_at, scratch.at, *where[2:])
        return scores

    def score_one(self, prompt: str) -> int:
        """Score one prompt, in memory that the thread keeps; this spares half of the time of a short one.

        Returns
        -------
        int
            Address of its log-odds, float32 of shape (1, n_labels); they hold until the thread's next call.
        """
        encoded = prompt.encode("utf-8", "surrogatepass")
        n = len(encoded)
        scratch = self._scratch(n)
        scratch.text[:n] = encoded
        scratch.offsets[1] = n
        text_at, offsets_at, logits_at, counts_at = scratch.where
        kernels.score(text_at, offsets_at, 0, 1, self._model_at, scratch.at, logits_at, counts_at)
        return logits_at

    def _scratch(self, n_bytes: int) -> "_Scratch":
        """Return this thread's memory, large enough for a prompt of so many bytes."""
        scratch: _Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None or scratch.n_bytes < n_bytes or scratch.n_bytes > max(SHRINK_ABOVE, 4 * n_bytes):
            memo = kernels.new_memo(MEMO_CHUNKS, self._shape[1]) if scratch is None else scratch.memo
            room = max(n_bytes, SMALLEST_SCRATCH)
            scratch = self._local.scratch = _Scratch(room, memo, self._shape, self.n_labels, self._longest_ngram)
        return scratch


class _Scratch:
    """What one thread writes to while it scores prompts of up to so many bytes."""

    def __init__(
        self, n_bytes: int, memo: NDArray[np.uint32], rows: tuple[int, int], n_labels: int, longest: int
    ) -> None:
        n_features, width = rows
        n_ids = n_bytes * (longest + 2) + 64
        self.n_bytes = n_bytes
        self.memo = memo
        self._arrays = (
            np.zeros(2 * n_bytes + 8, np.uint32),
            np.zeros(n_ids, np.int32),
            np.zeros(n_ids, np.uint64),
            np.zeros(n_bytes + 2, np.int64),
            np.zeros(n_bytes + 2, np.uint64),
            np.zeros(n_features, np.int32),
            np.zeros(n_ids, np.int32),
            np.zeros(n_ids, np.int32),
            np.zeros((2, width), np.float32),
        )
        self._table = kernels.scratch_table(*self._arrays, memo)
        self.at = kernels.address(self._table)  #: of all of the above
        # For one prompt: its bytes, its bounds and its scores.
        text = np.zeros(n_bytes, np.uint8)
        self.text = text.data
        self.offsets = np.zeros(2, np.int64)
        self._one = (text, self.offsets, np.zeros((1, n_labels), np.float32), np.zeros((1, 2), np.int64))
        self.where = [kernels.address(array) for array in self._one]
