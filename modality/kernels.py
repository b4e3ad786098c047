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
multiple of 16 float32 (one cache line).

*Lookup.* An n-gram is never built as a string. A polynomial hash over its code points, modulo 2**64,
goes through an open-addressing table whose entries pack a 42-bit tag and a 22-bit feature id.
Training refuses a vocabulary in which two n-grams share a hash.

*Chunk memo.* ``char_wb`` n-grams never cross white space, so all that a white-space-free chunk of bytes
contributes, except word bigrams that cross its border, is a function of its bytes. The memo maps a
chunk to its feature ids and their summed rows. Entries are compared byte by byte, so that a crafted
hash collision cannot make one prompt answer for another. The memo is bounded and emptied when full.

*Repeats.* Summing rows counts a repeated n-gram linearly; afterwards ``tf(c) - c`` times its row corrects
the numerator and ``tf(c)**2 - c`` times its squared idf the norm. Large counts would cancel in float32,
so above ``EXACT_ABOVE`` the sums are made again from the counts.

Lower-casing follows ``str.lower``, including the final sigma and U+0130, through tables made from the
running Python's own Unicode data (:mod:`modality.unicode_tables`).
"""

# mypy cannot see through numba's decorators; the typed face of this file is modality.scorer.
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

__all__ = ["CASED", "CASE_IGNORABLE", "SPACE", "WORD", "build_table", "decide", "score"]

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

MAX_MEMO_BYTES = 48  #: longer chunks are rarely words and are scored without the memo
EXACT_ABOVE = 24  #: counts above this are summed again, since float32 would cancel
LANES = 16  #: float32 in a cache line

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
    """Return a pointer to 16 float32 at ``data[offset]`` and their vector type."""
    vector = ir.VectorType(ir.FloatType(), LANES)
    return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer()), vector


# numba compiles short fixed loops over float32 to scalar code, hence the two vector operations by hand.
@intrinsic
def _add_lanes(typing_context: Any, into: Any, into_at: Any, row: Any, row_at: Any) -> Any:
    """``into.flat[into_at:+16] += row.flat[row_at:+16]``."""

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
    """``into.flat[into_at:+16] += weight * row.flat[row_at:+16]``."""

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
    """Return the feature id of a hash, -1 if it is not in the vocabulary."""
    mask = np.uint64(table.shape[0] - 1)
    h = _mix(h)
    tag = h & TAG_MASK
    slot = h & mask
    while True:
        entry = table[slot]
        if entry == _0:
            return -1
        if (entry & TAG_MASK) == tag:
            return np.int64(entry & ID_MASK) - 1
        slot = (slot + _1) & mask


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
def _read_chunk(buffer, start, end, lower, classes, table, ngrams, points, ids):  # type: ignore[no-untyped-def]
    """Write the feature ids of one chunk to ``ids``, words first.

    Returns (n_ids, n_words, first word's hash, last word's hash, n_ngrams), where n_ngrams counts the
    unknown ones too. ``ngrams`` is (longest word n-gram, shortest and longest character n-gram).
    """
    max_words, shortest, longest = ngrams
    n = _decode_lower(buffer, start, end, lower, classes, points, 1)
    points[0] = 32
    points[n] = 32
    n += 1
    n_ids = 0
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
            f = _lookup(table, h)
            n_ngrams += 1
            if f >= 0:
                ids[n_ids] = f
                n_ids += 1
            if n_words == 0:
                first_hash = h
            elif max_words > 1:
                f = _lookup(table, _bigram(last_hash, h))
                n_ngrams += 1
                if f >= 0:
                    ids[n_ids] = f
                    n_ids += 1
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
                    f = _lookup(table, h)
                    n_ngrams += 1
                    if f >= 0:
                        ids[n_ids] = f
                        n_ids += 1
        if e + 2 - i < shortest:  # a word shorter than every n-gram counts once, whole
            h = CHAR_SEED
            for p in range(i - 1, e + 1):
                h = h * MULTIPLIER + np.uint64(points[p])
            f = _lookup(table, h)
            n_ngrams += 1
            if f >= 0:
                ids[n_ids] = f
                n_ids += 1
        points[i - 1] = before
        points[e] = after
        i = e
    return n_ids, n_words, first_hash, last_hash, n_ngrams


@_kernel(inline="always")
def _is_space(c):  # type: ignore[no-untyped-def]
    return c == 32 or (9 <= c <= 13) or (28 <= c <= 31)


@_kernel()
def score(buffer, offsets, begin, end, tables, model, scratch, memo, logits, counts):  # type: ignore[no-untyped-def]
    """Score prompts ``begin`` to ``end``, whose UTF-8 bytes are ``buffer[offsets[i]:offsets[i + 1]]``.

    Parameters
    ----------
    buffer, offsets, begin, end
        uint8 and int64 arrays, and which prompts.
    tables
        (lower, classes): for each code point its lower case (uint32) and its class bits (uint8).
    model
        (table, rows, n_word_features, bias, log_tf, ngrams): see the module's docstring; ``log_tf[c]`` is
        ``1 + ln(c)`` in float32.
    scratch
        (points, ids, seen, touched, repeated, sums): buffers of one thread, long enough for its longest
        prompt; ``seen`` is zero for every feature, before and after.
    memo
        (keys, entries, bytes, bounds, facts, hashes, sums, pool, state): the chunk memo of one thread.
    logits
        float32 of shape (n_prompts, n_labels), written: log-odds.
    counts
        int64 of shape (n_prompts, 2), written: all n-grams, and those in the vocabulary.
    """
    lower, classes = tables
    table, rows, n_word_features, bias, log_tf, ngrams = model
    points, ids, seen, touched, repeated, sums = scratch
    keys, entries, chunk_bytes, bounds, facts, hashes, chunk_sums, pool, state = memo
    width = rows.shape[1]
    n_labels = logits.shape[1]
    mask = np.uint64(keys.shape[0] - 1)
    word_sum = sums[0]
    char_sum = sums[1]
    for d in range(begin, end):
        b = np.int64(offsets[d])
        stop = np.int64(offsets[d + 1])
        sums[:] = 0
        n_touched = 0
        n_repeated = 0
        n_ngrams = 0
        n_known = 0
        last_hash = _0
        any_word = False
        while b < stop:
            c = buffer[b]
            if _is_space(c):
                b += 1
                continue
            s = b
            h = CHUNK_SEED
            while b < stop:
                c = buffer[b]
                if _is_space(c):
                    break
                h = h * MULTIPLIER + np.uint64(c)
                b += 1
            length = b - s
            entry = np.int64(-1)
            if length <= MAX_MEMO_BYTES:
                if state[0] == bounds.shape[0] or state[1] + 8 * MAX_MEMO_BYTES * 6 > pool.shape[0]:
                    entries[:] = -1
                    state[0] = 0
                    state[1] = 0
                h = _mix(h)
                slot = h & mask
                while entries[slot] >= 0:
                    e = entries[slot]
                    if keys[slot] == h and facts[e, 3] == length:
                        k = 0
                        while k < length and chunk_bytes[e, k] == buffer[s + k]:
                            k += 1
                        if k == length:
                            entry = np.int64(e)
                            break
                    slot = (slot + _1) & mask
                if entry < 0:
                    entry = state[0]
                    n_ids, n_words, first, last, n = _read_chunk(
                        buffer, s, b, lower, classes, table, ngrams, points, ids
                    )
                    at = state[1]
                    for k in range(length):
                        chunk_bytes[entry, k] = buffer[s + k]
                    chunk_sums[entry, :] = 0
                    flat = entry * 2 * width
                    has_word_feature = 0
                    for j in range(n_ids):
                        f = ids[j]
                        pool[at + j] = f
                        if f < n_word_features:
                            has_word_feature = 1
                            _add_row(chunk_sums, flat, rows, np.int64(f) * width, width)
                        else:
                            _add_row(chunk_sums, flat + width, rows, np.int64(f) * width, width)
                    bounds[entry, 0] = at
                    bounds[entry, 1] = at + n_ids
                    facts[entry, 0] = n_words
                    facts[entry, 1] = has_word_feature
                    facts[entry, 2] = n
                    facts[entry, 3] = length
                    hashes[entry, 0] = first
                    hashes[entry, 1] = last
                    keys[slot] = h
                    entries[slot] = entry
                    state[0] += 1
                    state[1] = at + n_ids
            if entry >= 0:
                nt = np.uint64(n_touched)  # unsigned, so that numba leaves out its wrap-around code
                nr = np.uint64(n_repeated)
                for j in range(np.uint64(bounds[entry, 0]), np.uint64(bounds[entry, 1])):
                    f = np.uint32(pool[j])
                    before = seen[f]
                    seen[f] = before + 1
                    touched[nt] = f
                    nt += np.uint64(before == 0)
                    repeated[nr] = f
                    nr += np.uint64(before == 1)
                n_touched = np.int64(nt)  # type: ignore[assignment]
                n_repeated = np.int64(nr)  # type: ignore[assignment]
                flat = entry * 2 * width
                if facts[entry, 1]:
                    _add_row(word_sum, 0, chunk_sums, flat, width)
                _add_row(char_sum, 0, chunk_sums, flat + width, width)
                n_words = facts[entry, 0]
                first = hashes[entry, 0]
                last = hashes[entry, 1]
                n_ngrams += facts[entry, 2]
                n_known += bounds[entry, 1] - bounds[entry, 0]
            else:
                n_ids, n_words, first, last, n = _read_chunk(buffer, s, b, lower, classes, table, ngrams, points, ids)
                n_ngrams += n
                n_known += n_ids
                for j in range(n_ids):
                    f = np.uint32(ids[j])
                    before = seen[f]
                    seen[f] = before + 1
                    touched[n_touched] = f
                    n_touched += before == 0
                    repeated[n_repeated] = f
                    n_repeated += before == 1
                    if f < n_word_features:
                        _add_row(word_sum, 0, rows, np.int64(f) * width, width)
                    else:
                        _add_row(char_sum, 0, rows, np.int64(f) * width, width)
            if n_words > 0:
                if any_word and ngrams[0] > 1:
                    n_ngrams += 1
                    f = _lookup(table, _bigram(last_hash, first))
                    if f >= 0:
                        n_known += 1
                        before = seen[f]
                        seen[f] = before + 1
                        touched[n_touched] = f
                        n_touched += before == 0
                        repeated[n_repeated] = f
                        n_repeated += before == 1
                        _add_row(word_sum, 0, rows, np.int64(f) * width, width)
                last_hash = last
                any_word = True
        most = 0
        for j in range(n_repeated):
            most = max(most, seen[repeated[j]])
        if most <= EXACT_ABOVE:
            for j in range(n_repeated):
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


@_kernel()
def decide(logits, n_categories, thresholds, confidence, probabilities, main, certainty, chosen):  # type: ignore[no-untyped-def]
    """Turn log-odds into decisions; the rule is told in :mod:`modality.decision`.

    Parameters
    ----------
    logits
        float32 of shape (n_prompts, n_labels): the categories, ``none``, ``several``, then the inputs.
    n_categories
        How many of the labels are categories.
    thresholds
        float32 of shape (n_labels,): lowest accepted probability.
    confidence
        float32 of shape (3,): weights of the best and the second log-odds, and the bias.
    probabilities, main, certainty, chosen
        Written: float32 (n_prompts, n_labels), int64 (n_prompts,), float32 (n_prompts,), bool (n_prompts, n_labels).
    """
    one = np.float32(1)
    several = n_categories + 1
    for d in range(logits.shape[0]):
        best = 0
        second = -1
        for k in range(logits.shape[1]):
            z = logits[d, k]
            p = one / (one + np.exp(-z))
            probabilities[d, k] = p
            chosen[d, k] = p >= thresholds[k]
            if 0 < k < n_categories:
                if z > logits[d, best]:
                    second = best
                    best = k
                elif second < 0 or z > logits[d, second]:
                    second = k
        n_chosen = 0
        for k in range(n_categories):
            chosen[d, k] = k == best or (chosen[d, several] and chosen[d, k])
            n_chosen += chosen[d, k]
        if chosen[d, several] and n_chosen == 1 and second >= 0:
            chosen[d, second] = True
        main[d] = best
        x = confidence[0] * logits[d, best] + confidence[2]
        if second >= 0:
            x += confidence[1] * logits[d, second]
        certainty[d] = (one - probabilities[d, n_categories]) / (one + np.exp(-x))
