from modality.labels import Labels
from training.counts import format_counts
from training.dataset import Row


def test_rows_are_counted_by_label_length_and_file(taxonomy):
    rows = [
        Row("a film", Labels(("video", "sound"), ("image",)), "a.csv", 2),
        Row("word " * 61, Labels(("sound",), ()), "b.csv", 2),
        Row("???", Labels((), ()), "b.csv", 3),
    ]
    lines = format_counts(rows, taxonomy).splitlines()
    assert lines[0] == "3 rows in 2 files"
    assert "sound             1      2" in lines
    assert "none              1       " in lines
    assert "image             1" in lines
    assert "words: median 2, longest 61, 1 rows over 60" in lines
    assert "b.csv             2" in lines
