"""Compiled kernels: UTF-8 bytes in, calibrated log-odds out, in a few microseconds a prompt.

Everything numba compiles lives in this one file, because numba's on-disk cache notices an edit only
in the file that holds the kernel.

What is computed
----------------
Exactly what scikit-learn computes for a ``FeatureUnion`` of two ``TfidfVectorizer`` (word 1-2 grams,
``char_wb`` n-grams, ``sublinear_tf``, l2 norm each) followed by one-vs-rest logistic regression.
With ``tf = 1 + ln(count)``, the score of label j is::

    z_j = b_j + sum over blocks B of ( sum over n-grams g in B of tf_g idf_g w_gj ) / ||tf idf||_B

How
---
*Rows.* ``rows[g]`` holds ``idf_g * w_gj`` for each label j, and ``idf_g ** 2`` after the last label, so
that one pass over the n-grams accumulates numerators and squared norms together. A row is padded to a
multiple of ``LANES`` float32. Features are numbered by frequency, the commonest first, so that the rows
and the counters that nearly every prompt touches lie together in the processor's cache.

*Lookup.* An n-gram is never built as a string. A polynomial hash over its code points, modulo 2**64,
goes through an open-addressing table whose entries pack a 42-bit tag and a 22-bit feature id.
Training refuses a vocabulary in which two n-grams share a hash.

*Chunk memo.* ``char_wb`` n-grams never cross white space, so all that a white-space-free chunk of bytes
contributes, except word bigrams that cross its border, is a function of its bytes. The memo maps a
chunk to its feature ids and their summed rows. It is a cache of fixed size with two places for each
hash, as a processor's: of the two, the one that was not met again gives way. A chunk's whole record lies
in one piece of memory. Chunks are compared byte by byte, so that a crafted hash collision cannot make
one prompt answer for another.

*Repeats.* Summing rows counts a repeated n-gram linearly; afterwards ``tf(c) - c`` times its row corrects
the numerator and ``tf(c)**2 - c`` times its squared idf the norm. Large counts would cancel in float32,
so above ``EXACT_ABOVE`` the sums are made again from the counts.

*Waiting.* What takes time is not arithmetic but waiting for memory: the table and the memo are larger than a
processor's fast cache. A prompt is therefore read in passes (all its chunks, then their records, then the
pairs of words between them), and each pass asks in advance for what the next one reads.

*Addresses.* A kernel that takes thirty arrays spends more time on taking them than on a short prompt.
Arrays therefore come as addresses: the model's and a thread's arrays are named once, in two small tables
(:func:`model_table`, :func:`scratch_table`), and every kernel takes whole numbers alone. The caller keeps
the arrays alive.

Lower-casing follows ``str.lower``, including the final sigma and U+0130, through tables made from the
running Python's own Unicode data (:mod:`modality.unicode_tables`).
"""

# mypy cannot see through numba's decorators; the typed face of this file is modality.scorer.
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit  # type: ignore[attr-defined]
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = [
    "CASED",
    "CASE_IGNORABLE",
    "SPACE",
    "WORD",
    "address",
    "build_table",
    "decide",
    "model_table",
    "new_memo",
    "rule_table",
    "score",
    "scratch_table",
]

WORD, SPACE, CASED, CASE_IGNORABLE = 1, 2, 4, 8  #: bits of a code point's class

# Odd 64-bit multipliers and seeds for the polynomial hashes (golden ratio and splitmix64 constants).
# modality.ngrams repeats the hash in plain Python; the tests hold the two against each other.
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
BIGRAM_MULTIPLIER = np.uint64(0xA24BAED4963EE407)
MIX_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
WORD_SEED = np.uint64(0x1234567887654321)
CHAR_SEED = np.uint64(0x0F1E2D3C4B5A6978)
CHUNK_SEED = np.uint64(0x51ED270B27220A95)

ID_BITS = 22
ID_MASK = np.uint64((1 << ID_BITS) - 1)
TAG_MASK = np.uint64(((1 << 64) - 1) ^ ((1 << ID_BITS) - 1))
_0, _1, _29, _32 = (np.uint64(n) for n in (0, 1, 29, 32))

EXACT_ABOVE = 24  #: counts above this are summed again, since float32 would cancel
TINY = 1e-300  #: stands for a probability of nothing, whose logarithm is needed
LANES = 8  #: float32 that are added at once

# A record of the memo, in 4-byte words: a header, the chunk's bytes, two summed rows, the feature ids.
# Chunks that do not fit are rarely words and are scored without the memo.
HASH, FIRST, LAST = 0, 1, 2  # in 8-byte words: of the chunk, of its first and of its last word
LENGTH, N_IDS, N_WORDS, HAS_WORD, N_NGRAMS, USED = 6, 7, 8, 9, 10, 11
CHUNK_AT, MAX_MEMO_BYTES = 12, 48
SUMS_AT = CHUNK_AT + MAX_MEMO_BYTES // 4
MAX_MEMO_IDS = 56
RECORD_MULTIPLE = 16  #: 4-byte words in a cache line
RECORD_LINES = 6  #: of a record that are asked for in advance: the rest is the ids of longer chunks
AHEAD = 8  #: chunks whose records are asked for in advance

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"contract", "nsz"},
}


def _kernel(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return numba's decorator with the options every kernel shares."""
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(**{**_OPTIONS, **options})
    return decorator


def _vector_pointer(builder: Any, data: Any, offset: Any) -> tuple[Any, Any]:
    """Return a pointer to ``LANES`` float32 at ``data[offset]`` and their vector type."""
    vector = ir.VectorType(ir.FloatType(), LANES)
    return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer()), vector


# numba compiles short fixed loops over float32 to scalar code, hence the two vector operations by hand.
@intrinsic
def _add_lanes(typing_context: Any, into: Any, into_at: Any, row: Any, row_at: Any) -> Any:
    """``into.flat[into_at:+LANES] += row.flat[row_at:+LANES]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = context.make_array(signature.args[0])(context, builder, args[0])
        source = context.make_array(signature.args[2])(context, builder, args[2])
        to, vector = _vector_pointer(builder, target.data, args[1])
        of, _ = _vector_pointer(builder, source.data, args[3])
        total = builder.fadd(builder.load(to, align=4, typ=vector), builder.load(of, align=4, typ=vector))
        builder.store(total, to, align=4)
        return context.get_dummy_value()

    return types.void(into, into_at, row, row_at), generate


@intrinsic
def _add_scaled_lanes(typing_context: Any, into: Any, into_at: Any, row: Any, row_at: Any, weight: Any) -> Any:
    """``into.flat[into_at:+LANES] += weight * row.flat[row_at:+LANES]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = context.make_array(signature.args[0])(context, builder, args[0])
        source = context.make_array(signature.args[2])(context, builder, args[2])
        to, vector = _vector_pointer(builder, target.data, args[1])
        of, _ = _vector_pointer(builder, source.data, args[3])
        undefined = ir.Constant(vector, ir.Undefined)
        first = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        lane0 = builder.insert_element(undefined, args[4], ir.Constant(ir.IntType(32), 0))
        scale = builder.shuffle_vector(lane0, undefined, first)
        product = builder.fmul(builder.load(of, align=4, typ=vector), scale)
        builder.store(builder.fadd(builder.load(to, align=4, typ=vector), product), to, align=4)
        return context.get_dummy_value()

    return types.void(into, into_at, row, row_at, types.float32), generate


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    """Return an address as the pointer that :func:`numba.carray` takes."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@intrinsic
def _prefetch(typing_context: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of ``array.flat[at]``, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte_pointer = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(ir.VoidType(), [byte_pointer, number, number, number]), "llvm.prefetch.p0"
        )
        where = builder.bitcast(builder.gep(data, [args[1]]), byte_pointer)
        # To be read, kept in every level of the cache, data.
        builder.call(function, [where, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, at), generate


def address(array: NDArray[Any]) -> int:
    """Return where a contiguous array begins."""
    assert array.flags.c_contiguous
    return int(array.__array_interface__["data"][0])


def model_table(
    unicode_tables: tuple[NDArray[np.uint32], NDArray[np.uint8]],
    table: NDArray[np.uint64],
    rows: NDArray[np.float32],
    bias: NDArray[np.float32],
    log_tf: NDArray[np.float32],
    n_word_features: int,
    ngrams: Sequence[int],
) -> NDArray[np.int64]:
    """Return a model's arrays as addresses and sizes; the caller keeps them alive.

    Parameters
    ----------
    unicode_tables
        (lower, classes): for each code point its lower case (uint32) and its class bits (uint8).
    table
        From :func:`build_table`; its length is a power of two.
    rows
        Shape (n_features, width): see the module's docstring.
    bias
        Shape (n_labels,).
    log_tf
        ``log_tf[c]`` is ``1 + ln(c)``.
    n_word_features
        How many of the features are words.
    ngrams
        Longest word n-gram, shortest and longest character n-gram.
    """
    lower, classes = unicode_tables
    n_features, width = rows.shape
    return np.array(
        [
            *(address(array) for array in (lower, classes, table, rows, bias, log_tf)),
            *(len(table), n_features, width, len(bias), len(log_tf), n_word_features),
            *ngrams,
        ],
        np.int64,
    )


def scratch_table(
    points: NDArray[np.uint32],
    ids: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    chunk_hashes: NDArray[np.uint64],
    seen: NDArray[np.int32],
    touched: NDArray[np.int32],
    repeated: NDArray[np.int32],
    sums: NDArray[np.float32],
    memo: NDArray[np.uint32],
) -> NDArray[np.int64]:
    """Return one thread's arrays as addresses and sizes; the caller keeps them alive.

    Parameters
    ----------
    points, chunks, chunk_hashes
        Long enough for the longest prompt's code points, and for the bounds and the hashes of its chunks.
    ids, hashes, touched, repeated
        Long enough for all its n-grams.
    seen
        Shape (n_features,): zero for every feature, before and after.
    sums
        Shape (2, width).
    memo
        From :func:`new_memo`.
    """
    arrays = (points, ids, hashes, chunks, chunk_hashes, seen, touched, repeated, sums, memo)
    sizes = (len(points), len(ids), len(chunks), *memo.shape)
    return np.array([*(address(array) for array in arrays), *sizes], np.int64)


def rule_table(
    thresholds: NDArray[np.float64], choice: NDArray[np.float64], confidence: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return a version's decision rule as addresses and sizes; the caller keeps the arrays alive.

    Parameters
    ----------
    thresholds
        Shape (n_labels,): lowest accepted probability.
    choice
        Shape (n_categories + 1, n_labels + 1): weights of the log-odds, and a bias.
    confidence
        Shape (3,): weights of the main category's log-odds among all and of its own, and a bias.
    """
    arrays = (thresholds, choice, confidence)
    return np.array([len(thresholds), len(choice) - 1, *(address(array) for array in arrays)], np.int64)


def new_memo(n_chunks: int, width: int) -> NDArray[np.uint32]:
    """Return an empty memo.

    Parameters
    ----------
    n_chunks
        How many chunks it holds, a power of two.
    width
        Of a row.
    """
    n_words = SUMS_AT + 2 * width + MAX_MEMO_IDS
    return np.zeros((n_chunks, -(-n_words // RECORD_MULTIPLE) * RECORD_MULTIPLE), np.uint32)


@_kernel(inline="always")
def _add_row(into, into_at, rows, row_at, width):  # type: ignore[no-untyped-def]
    for k in range(0, width, LANES):
        _add_lanes(into, into_at + k, rows, row_at + k)  # type: ignore[call-arg]


@_kernel(inline="always")
def _add_scaled_row(into, rows, row_at, width, weight):  # type: ignore[no-untyped-def]
    for k in range(0, width, LANES):
        _add_scaled_lanes(into, k, rows, row_at + k, weight)  # type: ignore[call-arg]


@_kernel(inline="always")
def _mix(h):  # type: ignore[no-untyped-def]
    h ^= h >> _32
    h *= MIX_MULTIPLIER
    h ^= h >> _29
    return h


@_kernel(inline="always")
def _bigram(first, second):  # type: ignore[no-untyped-def]
    return (first ^ (first >> _29)) * BIGRAM_MULTIPLIER + second


@_kernel(inline="always")
def _lookup(table, h):  # type: ignore[no-untyped-def]
    """Return the feature id of a mixed hash, -1 if it is not in the vocabulary."""
    mask = np.uint64(table.shape[0] - 1)
    tag = h & TAG_MASK
    slot = h & mask
    while True:
        entry = table[slot]
        if entry == _0:
            return -1
        if (entry & TAG_MASK) == tag:
            return np.int64(entry & ID_MASK) - 1
        slot = (slot + _1) & mask


@_kernel(inline="always")
def _note(h, hashes, n, table):  # type: ignore[no-untyped-def]
    """Write an n-gram's hash, mixed, to ``hashes[n]``, and ask for its place in the table."""
    h = _mix(h)
    hashes[n] = h
    _prefetch(table, np.int64(h & np.uint64(table.shape[0] - 1)))  # type: ignore[call-arg]
    return n + 1


@_kernel(inline="always")
def _find(hashes, n, table, ids, rows, seen):  # type: ignore[no-untyped-def]
    """Write the feature ids of noted n-grams to ``ids``, and ask for their rows; return how many are known."""
    width = rows.shape[1]
    n_ids = 0
    for j in range(n):
        f = _lookup(table, hashes[j])
        if f >= 0:
            ids[n_ids] = f
            n_ids += 1
            _prefetch(seen, f)  # type: ignore[call-arg]
            _prefetch(rows, f * width)
            _prefetch(rows, f * width + width - 1)
    return n_ids


@_kernel()
def build_table(hashes, table):  # type: ignore[no-untyped-def]
    """Insert feature i under ``hashes[i]`` for all i; return the first i that collides, else -1.

    ``table`` is uint64 zeros, its length a power of two above ``len(hashes)``.
    """
    mask = np.uint64(table.shape[0] - 1)
    for i in range(hashes.shape[0]):
        h = _mix(hashes[i])
        tag = h & TAG_MASK
        slot = h & mask
        while table[slot] != _0:
            if (table[slot] & TAG_MASK) == tag:
                return i
            slot = (slot + _1) & mask
        table[slot] = tag | np.uint64(i + 1)
    return -1


@_kernel()
def _decode_lower(buffer, start, end, lower, classes, points, at):  # type: ignore[no-untyped-def]
    """Write the lower-cased code points of UTF-8 bytes to ``points[at:]``; return where they end."""
    i = start
    first = at
    sigma = False
    while i < end:
        c = np.uint32(buffer[i])
        if c < 0x80:
            i += 1
        elif c < 0xE0:
            c = ((c & 31) << 6) | (np.uint32(buffer[i + 1]) & 63)
            i += 2
        elif c < 0xF0:
            c = ((c & 15) << 12) | ((np.uint32(buffer[i + 1]) & 63) << 6) | (np.uint32(buffer[i + 2]) & 63)
            i += 3
        else:
            c = ((c & 7) << 18) | ((np.uint32(buffer[i + 1]) & 63) << 12)
            c |= ((np.uint32(buffer[i + 2]) & 63) << 6) | (np.uint32(buffer[i + 3]) & 63)
            i += 4
        if c == 0x130:  # the only code point whose lower case is two
            points[at] = 0x69
            points[at + 1] = 0x307
            at += 2
        elif c == 0x3A3:
            sigma = True
            points[at] = c
            at += 1
        else:
            points[at] = lower[c]
            at += 1
    if sigma:
        _lower_sigma(classes, points, first, at)
    return at


@_kernel()
def _lower_sigma(classes, points, first, end):  # type: ignore[no-untyped-def]
    """Lower capital sigmas as CPython's ``handle_capital_sigma`` does (final form at a word's end).

    Lower-casing keeps the classes that decide, so neighbours may be lowered already.
    """
    for p in range(first, end):
        if points[p] == 0x3A3:
            j = p - 1
            while j >= first and classes[points[j]] & CASE_IGNORABLE:
                j -= 1
            final = j >= first and (classes[points[j]] & CASED) != 0
            if final:
                j = p + 1
                while j < end and classes[points[j]] & CASE_IGNORABLE:
                    j += 1
                final = not (j < end and (classes[points[j]] & CASED) != 0)
            points[p] = 0x3C2 if final else 0x3C3


@_kernel()
def _read_chunk(buffer, start, end, lower, classes, table, ngrams, points, hashes):  # type: ignore[no-untyped-def]
    """Write the mixed hashes of one chunk's n-grams to ``hashes``.

    Returns (n_ngrams, n_words, first word's hash, last word's hash). ``ngrams`` is (longest word n-gram,
    shortest and longest character n-gram).
    """
    max_words, shortest, longest = ngrams
    n = _decode_lower(buffer, start, end, lower, classes, points, 1)
    points[0] = 32
    points[n] = 32
    n += 1
    n_words = 0
    n_ngrams = 0
    first_hash = _0
    last_hash = _0
    i = 0
    while i < n:
        if not classes[points[i]] & WORD:
            i += 1
            continue
        h = WORD_SEED
        begin = i
        while classes[points[i]] & WORD:
            h = h * MULTIPLIER + np.uint64(points[i])
            i += 1
        if i - begin >= 2:  # scikit-learn's token_pattern: at least two word characters
            n_ngrams = _note(h, hashes, n_ngrams, table)
            if n_words == 0:
                first_hash = h
            elif max_words > 1:
                n_ngrams = _note(_bigram(last_hash, h), hashes, n_ngrams, table)
            last_hash = h
            n_words += 1
    i = 1
    while i < n:
        if classes[points[i]] & SPACE:  # other white space than ASCII can stand inside a chunk
            i += 1
            continue
        e = i
        while not classes[points[e]] & SPACE:
            e += 1
        before = points[i - 1]
        after = points[e]
        points[i - 1] = 32
        points[e] = 32
        for p in range(i - 1, e + 1):
            h = CHAR_SEED
            room = min(longest, e + 1 - p)
            for q in range(room):
                h = h * MULTIPLIER + np.uint64(points[p + q])
                if q + 1 >= shortest:
                    n_ngrams = _note(h, hashes, n_ngrams, table)
        if e + 2 - i < shortest:  # a word shorter than every n-gram counts once, whole
            h = CHAR_SEED
            for p in range(i - 1, e + 1):
                h = h * MULTIPLIER + np.uint64(points[p])
            n_ngrams = _note(h, hashes, n_ngrams, table)
        points[i - 1] = before
        points[e] = after
        i = e
    return n_ngrams, n_words, first_hash, last_hash


@_kernel(inline="always")
def _is_space(c):  # type: ignore[no-untyped-def]
    return c == 32 or (9 <= c <= 13) or (28 <= c <= 31)


@_kernel(inline="always")
def _ask_for_record(memo32, place):  # type: ignore[no-untyped-def]
    """Ask for the lines of the first of a chunk's two places."""
    for k in range(0, RECORD_LINES * RECORD_MULTIPLE, RECORD_MULTIPLE):
        _prefetch(memo32, place + k)  # type: ignore[call-arg]


@_kernel()
def score(buffer_at, offsets_at, begin, end, model_at, scratch_at, logits_at, counts_at):  # type: ignore[no-untyped-def]
    """Score prompts ``begin`` to ``end``, whose UTF-8 bytes are ``buffer[offsets[i]:offsets[i + 1]]``.

    Parameters
    ----------
    buffer_at, offsets_at
        Addresses of uint8, and of int64.
    begin, end
        Which prompts.
    model_at, scratch_at
        Addresses of what :func:`model_table` and :func:`scratch_table` return; each thread has its own scratch.
    logits_at
        Address of float32 of shape (n_prompts, n_labels), written: log-odds.
    counts_at
        Address of int64 of shape (n_prompts, 2), written: all n-grams, and those in the vocabulary.
    """
    n_points = 0x110000
    offsets = carray(_pointer(offsets_at), (end + 1,), np.int64)  # type: ignore[call-arg]
    buffer = carray(_pointer(buffer_at), (offsets[end],), np.uint8)
    m = carray(_pointer(model_at), (15,), np.int64)
    width, n_labels, n_word_features = m[8], m[9], m[11]
    lower = carray(_pointer(m[0]), (n_points,), np.uint32)
    classes = carray(_pointer(m[1]), (n_points,), np.uint8)
    table = carray(_pointer(m[2]), (m[6],), np.uint64)
    rows = carray(_pointer(m[3]), (m[7], width), np.float32)
    bias = carray(_pointer(m[4]), (n_labels,), np.float32)
    log_tf = carray(_pointer(m[5]), (m[10],), np.float32)
    ngrams = (m[12], m[13], m[14])
    w = carray(_pointer(scratch_at), (15,), np.int64)
    points = carray(_pointer(w[0]), (w[10],), np.uint32)
    ids = carray(_pointer(w[1]), (w[11],), np.int32)
    hashes = carray(_pointer(w[2]), (w[11],), np.uint64)
    chunks = carray(_pointer(w[3]), (w[12],), np.int64)
    chunk_hashes = carray(_pointer(w[4]), (w[12],), np.uint64)
    seen = carray(_pointer(w[5]), (m[7],), np.int32)
    touched = carray(_pointer(w[6]), (w[11],), np.int32)
    repeated = carray(_pointer(w[7]), (w[11],), np.int32)
    sums = carray(_pointer(w[8]), (2, width), np.float32)
    n_records, stride = w[13], w[14]
    memo32 = carray(_pointer(w[9]), (n_records * stride,), np.uint32)
    memo64 = carray(_pointer(w[9]), (n_records * stride // 2,), np.uint64)
    memo8 = carray(_pointer(w[9]), (n_records * stride * 4,), np.uint8)
    memo_sums = carray(_pointer(w[9]), (n_records * stride,), np.float32)
    logits = carray(_pointer(logits_at), (end, n_labels), np.float32)
    counts = carray(_pointer(counts_at), (end, 2), np.int64)
    mask = np.uint64(n_records - 2)  # the even places
    word_sum = sums[0]
    char_sum = sums[1]
    for d in range(begin, end):
        sums[:] = 0
        n_touched = 0
        n_repeated = 0
        n_ngrams = 0
        n_known = 0
        last_hash = _0
        any_word = False
        # The chunks: where each begins and ends, and its hash.
        n_chunks = 0
        b = offsets[d]
        stop = offsets[d + 1]
        while b < stop:
            if _is_space(buffer[b]):
                b += 1
                continue
            chunks[n_chunks] = b
            h = CHUNK_SEED
            while b < stop:
                c = buffer[b]
                if _is_space(c):
                    break
                h = h * MULTIPLIER + np.uint64(c)
                b += 1
            chunks[n_chunks + 1] = b
            h = _mix(h)
            chunk_hashes[n_chunks] = h
            if n_chunks < 2 * AHEAD:
                _ask_for_record(memo32, np.int64(h & mask) * stride)
            n_chunks += 2
        # Their records; the pairs of words between them are noted.
        n_pairs = 0
        for i in range(0, n_chunks, 2):
            if i + 2 * AHEAD < n_chunks:
                _ask_for_record(memo32, np.int64(chunk_hashes[i + 2 * AHEAD] & mask) * stride)
            s = chunks[i]
            h = chunk_hashes[i]
            length = chunks[i + 1] - s
            record = np.int64(-1)
            if length <= MAX_MEMO_BYTES:
                place = np.int64(h & mask) * stride
                for _way in range(2):
                    if memo64[place // 2 + HASH] == h and memo32[place + LENGTH] == length:
                        k = 0
                        while k < length and memo8[4 * (place + CHUNK_AT) + k] == buffer[s + k]:
                            k += 1
                        if k == length:
                            record = place
                            break
                    place += stride
                if record >= 0:
                    memo32[record + USED] = 1
                    n_words = np.int64(memo32[record + N_WORDS])
                    first = memo64[record // 2 + FIRST]
                    last = memo64[record // 2 + LAST]
                    n_ngrams += memo32[record + N_NGRAMS]
                    n_ids = np.int64(memo32[record + N_IDS])
                    if memo32[record + HAS_WORD]:
                        _add_row(word_sum, 0, memo_sums, record + SUMS_AT, width)
                    _add_row(char_sum, 0, memo_sums, record + SUMS_AT + width, width)
                    at = record + SUMS_AT + 2 * width
                    nt = np.uint64(n_touched)  # unsigned, so that numba leaves out its wrap-around code
                    nr = np.uint64(n_repeated)
                    for j in range(np.uint64(at), np.uint64(at + n_ids)):
                        f = memo32[j]
                        before = seen[f]
                        seen[f] = before + 1
                        touched[nt] = f
                        nt += np.uint64(before == 0)
                        repeated[nr] = f
                        nr += np.uint64(before == 1)
                    n_touched = np.int64(nt)
                    n_repeated = np.int64(nr)
                    n_known += n_ids
            if record < 0:
                n, n_words, first, last = _read_chunk(
                    buffer, s, s + length, lower, classes, table, ngrams, points, hashes
                )
                n_ids = _find(hashes, n, table, ids, rows, seen)
                n_ngrams += n
                n_known += n_ids
                kept = np.int64(-1)
                if length <= MAX_MEMO_BYTES and n_ids <= MAX_MEMO_IDS:
                    kept = np.int64(h & mask) * stride
                    if memo32[kept + USED]:
                        memo32[kept + USED] = 0
                        kept += stride
                    memo64[kept // 2 + HASH] = h
                    memo64[kept // 2 + FIRST] = first
                    memo64[kept // 2 + LAST] = last
                    memo32[kept + LENGTH] = length
                    memo32[kept + N_IDS] = n_ids
                    memo32[kept + N_WORDS] = n_words
                    memo32[kept + N_NGRAMS] = n
                    memo32[kept + HAS_WORD] = 0
                    memo32[kept + USED] = 0
                    for k in range(length):
                        memo8[4 * (kept + CHUNK_AT) + k] = buffer[s + k]
                    for k in range(2 * width):
                        memo_sums[kept + SUMS_AT + k] = 0
                    at = kept + SUMS_AT
                    for j in range(n_ids):
                        f = np.uint32(ids[j])
                        memo32[at + 2 * width + j] = f
                        if f < n_word_features:
                            memo32[kept + HAS_WORD] = 1
                            _add_row(memo_sums, at, rows, np.int64(f) * width, width)
                        else:
                            _add_row(memo_sums, at + width, rows, np.int64(f) * width, width)
                    _add_row(word_sum, 0, memo_sums, at, width)
                    _add_row(char_sum, 0, memo_sums, at + width, width)
                for j in range(n_ids):
                    f = np.uint32(ids[j])
                    before = seen[f]
                    seen[f] = before + 1
                    touched[n_touched] = f
                    n_touched += before == 0
                    repeated[n_repeated] = f
                    n_repeated += before == 1
                    if kept < 0:
                        if f < n_word_features:
                            _add_row(word_sum, 0, rows, np.int64(f) * width, width)
                        else:
                            _add_row(char_sum, 0, rows, np.int64(f) * width, width)
            if n_words > 0:
                if any_word and ngrams[0] > 1:
                    # A chunk's own hash is not needed any more; there are fewer pairs than chunks.
                    n_pairs = _note(_bigram(last_hash, first), chunk_hashes, n_pairs, table)
                last_hash = last
                any_word = True
        n_ids = _find(chunk_hashes, n_pairs, table, ids, rows, seen)
        n_ngrams += n_pairs
        n_known += n_ids
        for j in range(n_ids):
            f = np.uint32(ids[j])
            before = seen[f]
            seen[f] = before + 1
            touched[n_touched] = f
            n_touched += before == 0
            repeated[n_repeated] = f
            n_repeated += before == 1
            _add_row(word_sum, 0, rows, np.int64(f) * width, width)
        most = 0
        for j in range(n_repeated):
            most = max(most, seen[repeated[j]])
        if most <= EXACT_ABOVE:
            for j in range(n_repeated):
                if j + AHEAD < n_repeated:
                    _prefetch(rows, np.int64(repeated[j + AHEAD]) * width)
                    _prefetch(rows, np.int64(repeated[j + AHEAD]) * width + width - 1)
                f = np.int64(repeated[j])
                count = seen[f]
                tf = log_tf[count]
                weight = tf - np.float32(count)
                square = tf * tf - np.float32(count)
                if f < n_word_features:
                    _add_scaled_row(word_sum, rows, f * width, width, weight)
                    word_sum[n_labels] += (square - weight) * rows[f, n_labels]
                else:
                    _add_scaled_row(char_sum, rows, f * width, width, weight)
                    char_sum[n_labels] += (square - weight) * rows[f, n_labels]
        else:
            sums[:] = 0
            for j in range(n_touched):
                f = np.int64(touched[j])
                count = seen[f]
                tf = log_tf[count] if count < log_tf.shape[0] else np.float32(1.0 + np.log(float(count)))
                if f < n_word_features:
                    _add_scaled_row(word_sum, rows, f * width, width, tf)
                    word_sum[n_labels] += (tf * tf - tf) * rows[f, n_labels]
                else:
                    _add_scaled_row(char_sum, rows, f * width, width, tf)
                    char_sum[n_labels] += (tf * tf - tf) * rows[f, n_labels]
        for j in range(np.uint64(n_touched)):
            seen[np.uint32(touched[j])] = 0
        word_norm = word_sum[n_labels]
        char_norm = char_sum[n_labels]
        word_scale = np.float32(1.0) / np.sqrt(word_norm) if word_norm > 0 else np.float32(0)
        char_scale = np.float32(1.0) / np.sqrt(char_norm) if char_norm > 0 else np.float32(0)
        for k in range(n_labels):
            logits[d, k] = word_sum[k] * word_scale + char_sum[k] * char_scale + bias[k]
        counts[d, 0] = n_ngrams
        counts[d, 1] = n_known


@_kernel(inline="always")
def _rounded(p):  # type: ignore[no-untyped-def]
    """Return the six decimals that are shown, so that what is decided can be checked on what is shown."""
    return np.rint(p * 1e6) / 1e6


@_kernel()
def decide(logits_at, n_prompts, rule_at, probabilities_at, main_at, certainty_at, chosen_at):  # type: ignore[no-untyped-def]
    """Turn log-odds into decisions; the rule is told in :mod:`modality.decision`.

    Parameters
    ----------
    logits_at, n_prompts
        Address of float32 of shape (n_prompts, n_labels): the categories, ``none``, ``several``, then the inputs.
    rule_at
        Address of what :func:`rule_table` returns.
    probabilities_at, main_at, certainty_at, chosen_at
        Addresses of what is written: float64 (n_prompts, n_labels), int64 (n_prompts,), float64 (n_prompts,),
        bool (n_prompts, n_labels); probabilities to six decimals.
    """
    r = carray(_pointer(rule_at), (5,), np.int64)  # type: ignore[call-arg]
    n_labels, n_categories = r[0], r[1]
    thresholds = carray(_pointer(r[2]), (n_labels,), np.float64)
    choice = carray(_pointer(r[3]), (n_categories + 1, n_labels + 1), np.float64)
    confidence = carray(_pointer(r[4]), (3,), np.float64)
    logits = carray(_pointer(logits_at), (n_prompts, n_labels), np.float32)
    probabilities = carray(_pointer(probabilities_at), (n_prompts, n_labels), np.float64)
    main = carray(_pointer(main_at), (n_prompts,), np.int64)
    certainty = carray(_pointer(certainty_at), (n_prompts,), np.float64)
    chosen = carray(_pointer(chosen_at), (n_prompts, n_labels), np.bool_)
    several = n_categories + 1
    scores = np.empty(n_categories + 1, np.float64)
    for d in range(n_prompts):
        for k in range(n_labels):
            p = _rounded(1.0 / (1.0 + np.exp(-np.float64(logits[d, k]))))
            probabilities[d, k] = p
            chosen[d, k] = p >= thresholds[k]
        best = 0
        for k in range(n_categories + 1):
            score = choice[k, n_labels]
            for j in range(n_labels):
                score += choice[k, j] * logits[d, j]
            scores[k] = score
            if k < n_categories and score > scores[best]:
                best = k
        others = 0.0
        second = -1
        for k in range(n_categories + 1):
            if k != best:
                others += np.exp(scores[k] - scores[best])
                if k < n_categories and (second < 0 or logits[d, k] > logits[d, second]):
                    second = k
        n_chosen = 0
        for k in range(n_categories):
            chosen[d, k] = k == best or (chosen[d, several] and chosen[d, k])
            n_chosen += chosen[d, k]
        if chosen[d, several] and n_chosen == 1 and second >= 0:
            chosen[d, second] = True
        main[d] = best
        x = confidence[1] * logits[d, best] + confidence[2] - confidence[0] * np.log(max(others, TINY))
        certainty[d] = _rounded(1.0 / (1.0 + np.exp(-x)))
