"""What a corpus must be before anything is learnt from it; every refusal names file and line."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from modality.errors import ModalityError
from modality.labels import format_names
from modality.taxonomy import Taxonomy
from training.dataset import Row, scan_rows
from training.similarity import closest, similar_pairs, words_of

__all__ = ["check_folder", "check_rows"]

NEAR_DUPLICATE = 0.8  #: Jaccard similarity of word sets
NEAR_DUPLICATE_MIN_WORDS = 5
OPENING_WORDS = 3
OPENING_SHARE = 0.01  #: of the rows of a category
OPENING_FREE = 10  #: so many rows may open alike in any category, however small
LEAK_WORDS = 8  #: words in a row that must not also stand in a row of a test set
LEAK_SIMILARITY = 0.5  #: cosine of character n-grams from which a row counts as a paraphrase of a test row
LEAK_MIN_CHARS = 12  #: of a test row that can be paraphrased
LEAK_MIN_WORDS = 3  #: shorter rows of a test set are everybody's words


def check_folder(folder: Path, taxonomy: Taxonomy, test_sets: Sequence[Path]) -> tuple[list[Row], list[str]]:
    """Read all CSV files under a folder and check them.

    Returns
    -------
    tuple
        The legal rows, and what is wrong: one line each, in the order of file and line.
    """
    rows: list[Row] = []
    problems: list[str] = []
    for path in sorted(folder.rglob("*.csv")):
        for found in scan_rows(path, taxonomy):
            if isinstance(found, ModalityError):
                problems.append(str(found))
            else:
                rows.append(found)
    problems += check_rows(rows)
    problems += _leaks(rows, [row for path in test_sets for row in _test_rows(path, taxonomy)])
    return rows, problems


def check_rows(rows: Sequence[Row]) -> list[str]:
    """Return what is wrong with rows that are legal one by one."""
    return [*_repeats(rows), *_near_duplicates(rows), *_openings(rows)]


def _repeats(rows: Sequence[Row]) -> Iterator[str]:
    """Find texts that stand twice, and those that stand twice with different labels."""
    first: dict[str, Row] = {}
    for row in rows:
        words = words_of(row.prompt)
        key = " ".join(words) if words else row.prompt.strip()
        seen = first.setdefault(key, row)
        if seen is row:
            continue
        if seen.labels == row.labels:
            yield f"{_where(row)}: repeats {_where(seen)}: {_quoted(row)}; expected each text once"
        else:
            yield (
                f"{_where(row)}: labelled {_labels(row)}, but {_where(seen)} has {_labels(seen)} "
                f"for the same text: {_quoted(row)}; expected one label"
            )


def _near_duplicates(rows: Sequence[Row]) -> Iterator[str]:
    """Find rows that are nearly alike and have the same labels."""
    for i, j, similarity in similar_pairs([row.prompt for row in rows], NEAR_DUPLICATE, NEAR_DUPLICATE_MIN_WORDS):
        same_text = words_of(rows[i].prompt) == words_of(rows[j].prompt)
        if rows[i].labels == rows[j].labels and not same_text:
            yield (
                f"{_where(rows[j])}: {similarity:.2f} of its words are those of {_where(rows[i])}: "
                f"{_quoted(rows[j])}; expected less than {NEAR_DUPLICATE} for the same label"
            )


def _openings(rows: Sequence[Row]) -> Iterator[str]:
    """Find openings that too many rows of a category share."""
    by_category: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_category[row.labels.main].append(row)
    for category, members in by_category.items():
        limit = max(OPENING_FREE, math.floor(OPENING_SHARE * len(members)))
        seen: Counter[str] = Counter()
        for row in members:
            words = words_of(row.prompt)
            if len(words) < OPENING_WORDS:
                continue
            opening = " ".join(words[:OPENING_WORDS])
            seen[opening] += 1
            if seen[opening] > limit:
                yield (
                    f"{_where(row)}: opens with {opening!r} as {limit} rows of {category} before it do; "
                    f"expected no more than {OPENING_SHARE:.0%} of a category"
                )


def _leaks(rows: Sequence[Row], tests: Sequence[Row]) -> Iterator[str]:
    """Find rows that share a run of words with a test row, or are close to one as a whole."""
    runs = {run: _where(test) for test in tests for run in _runs(words_of(test.prompt))}
    for row in rows:
        leaked = next((runs[run] for run in _runs(words_of(row.prompt)) if run in runs), None)
        if leaked:
            yield f"{_where(row)}: shares its words with {leaked}, a test row: {_quoted(row)}; expected text of our own"
    long_enough = [test for test in tests if len(test.prompt) >= LEAK_MIN_CHARS]
    prompts = [test.prompt for test in long_enough]
    for i, j, similarity in closest([row.prompt for row in rows], prompts, LEAK_SIMILARITY):
        yield (
            f"{_where(rows[i])}: is {similarity:.2f} like {_where(long_enough[j])}, a test row: "
            f"{_quoted(rows[i])}; expected less than {LEAK_SIMILARITY}, and text of our own"
        )


def _test_rows(path: Path, taxonomy: Taxonomy) -> Iterator[Row]:
    """Yield the rows of a test set, which has to be without fault."""
    for found in scan_rows(path, taxonomy):
        if isinstance(found, ModalityError):
            raise found
        yield found


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield every run of ``LEAK_WORDS`` words, or all words of a text that is shorter."""
    if LEAK_MIN_WORDS <= len(words) < LEAK_WORDS:
        yield tuple(words)
    for i in range(len(words) - LEAK_WORDS + 1):
        yield tuple(words[i : i + LEAK_WORDS])


def _where(row: Row) -> str:
    """Return file and line."""
    return f"{row.file}:{row.line}"


def _labels(row: Row) -> str:
    """Return the labels as they are written."""
    needs = format_names(row.labels.needs) or "none"
    return f"{needs!r} with inputs {format_names(row.labels.inputs)!r}"


def _quoted(row: Row) -> str:
    """Return the beginning of the text."""
    return repr(row.prompt if len(row.prompt) <= 60 else row.prompt[:57] + "...")
