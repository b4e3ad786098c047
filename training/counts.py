"""How many rows of which kind a corpus has."""

from collections import Counter
from collections.abc import Mapping, Sequence

from modality.taxonomy import NONE, Taxonomy
from training.dataset import Row

__all__ = ["LONG_WORDS", "format_counts"]

LONG_WORDS = 60  #: a row of more words counts as long


def format_counts(rows: Sequence[Row], taxonomy: Taxonomy) -> str:
    """Return the counts as lines for a terminal."""
    main = Counter(row.labels.main for row in rows)
    any_need = Counter(name for row in rows for name in row.labels.needs)
    inputs = Counter(name for row in rows for name in row.labels.inputs)
    sizes = Counter(len(row.labels.needs) for row in rows)
    n_words = sorted(len(row.prompt.split()) for row in rows)
    n_long = sum(n > LONG_WORDS for n in n_words)
    files = Counter(row.file for row in rows)
    lines = [f"{len(rows)} rows in {len(files)} files", "", f"{'category':<12}{'main':>7}{'any':>7}"]
    lines += [f"{name:<12}{main[name]:>7}{any_need[name]:>7}" for name in taxonomy.categories]
    lines += [f"{NONE:<12}{main[NONE]:>7}{'':>7}", "", *_lines("input", inputs, taxonomy.inputs)]
    with_inputs = sum(bool(row.labels.inputs) for row in rows)
    lines += [f"{'any':<12}{with_inputs:>7}", "", "categories needed"]
    lines += [f"{size:<12}{sizes[size]:>7}" for size in sorted(sizes)]
    lines += ["", f"words: median {n_words[len(n_words) // 2]}, longest {n_words[-1]}, {n_long} rows over {LONG_WORDS}"]
    return "\n".join([*lines, "", *_lines("file", files, sorted(files))])


def _lines(title: str, counts: Mapping[str, int], names: Sequence[str]) -> list[str]:
    """Return a table of counts."""
    width = max(12, *(len(name) + 2 for name in names))
    return [title, *(f"{name:<{width}}{counts[name]:>7}" for name in names)]
