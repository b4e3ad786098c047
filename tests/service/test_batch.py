import csv
import errno
import io
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modality.errors import DataError
from service.batch import streams
from service.batch.job import Job, format_of
from service.batch.run import classify_file

ADDED = ["category", "confidence", "predicted_needs", "predicted_inputs", "decided"]


def run(classifier, source, target, **options):
    return classify_file(classifier, Job(source, target, options.pop("format", "csv"), **options), lambda *_: None)


def read(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_all_columns_and_rows_come_back_in_order(classifier, tmp_path):
    source = write(
        tmp_path / "in.csv", 'id,text,note\n007,compose a jingle,NA\n2,"fix\nthis ""regex"", now",\n3,,null\n'
    )
    summary = run(classifier, source, tmp_path / "out.csv")
    header, *rows = read(tmp_path / "out.csv")
    assert header == ["id", "text", "note", *ADDED]
    assert [row[:3] for row in rows] == [
        ["007", "compose a jingle", "NA"],
        ["2", 'fix\nthis "regex", now', ""],
        ["3", "", "null"],
    ]
    expected = classifier.classify("compose a jingle")
    needs = "+".join(need["category"] for need in expected.needs)
    assert rows[0][3:] == ["music", f"{expected.confidence:.6f}", needs, "", str(expected.decided).lower()]
    assert rows[2][3:] == ["", "", "", "", ""]
    assert (summary.n_rows, summary.n_blank) == (3, 1)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_any_cell_comes_back_as_it_was(rows, delimiter, end, bom, classifier, tmp_path):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "text", "b"), *rows])
    source = write(tmp_path / "in.csv", text.getvalue(), "utf-8-sig" if bom else "utf-8")
    run(classifier, source, tmp_path / "out.csv")
    header, *found = read(tmp_path / "out.csv", delimiter)
    assert header == ["a", "text", "b", *ADDED]
    assert [tuple(row[:3]) for row in found] == rows


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig", "cp1252", "utf-16-le"])
def test_other_encodings_are_read_by_name(encoding, classifier, tmp_path):
    source = write(tmp_path / "in.csv", "text;ü\ncompose a jingle;é\n", encoding)
    run(classifier, source, tmp_path / "out.csv", encoding=encoding)
    assert [row[:2] for row in read(tmp_path / "out.csv", ";")] == [["text", "ü"], ["compose a jingle", "é"]]


def test_the_same_name_twice_and_a_header_over_two_lines_come_back(classifier, tmp_path):
    source = write(tmp_path / "in.csv", '"x\ny",text,"x\ny"\n1,a cat,2\n')
    run(classifier, source, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")[0][:3] == ["x\ny", "text", "x\ny"]
    assert read(tmp_path / "out.csv")[1][:3] == ["1", "a cat", "2"]


def test_an_empty_line_is_a_blank_row_only_where_the_text_is_all_there_is(classifier, tmp_path):
    alone = run(classifier, write(tmp_path / "a.csv", "text\na cat\n\na dog\n"), tmp_path / "out.csv")
    assert (alone.n_rows, alone.n_blank) == (3, 1)
    beside = run(classifier, write(tmp_path / "b.csv", "text,n\na cat,1\n\na dog,2\n\n"), tmp_path / "out2.csv")
    assert (beside.n_rows, beside.n_blank) == (2, 0)


def test_a_header_alone_gives_a_header_alone(classifier, tmp_path):
    assert run(classifier, write(tmp_path / "a.csv", "text,n\n"), tmp_path / "out.csv").n_rows == 0
    assert read(tmp_path / "out.csv") == [["text", "n", *ADDED]]


def test_many_blocks_give_the_rows_of_one(classifier, tmp_path, monkeypatch):
    lines = [f'{i},"text {i}\nof several, lines ""quoted"""' for i in range(2000)]
    source = write(tmp_path / "in.csv", "n,text\n" + "\n".join(lines) + "\n")
    run(classifier, source, tmp_path / "one.csv")
    monkeypatch.setattr("service.batch.csv_format.BLOCK_BYTES", 4096)
    run(classifier, source, tmp_path / "many.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "many.csv").read_bytes()
    assert len(read(tmp_path / "one.csv")) == 2001


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"id,txt\n1,a\n", {}, r"in\.csv:1: column 'text' is not there; found id, txt; choose with --column"),
        (b"text,text\n1,a\n", {}, r"in\.csv:1: column 'text' is there twice"),
        (b"text,category\na,b\n", {}, r"in\.csv:1: has a column 'category', which the output would add"),
        (b"", {}, r"in\.csv: is empty; expected a header line"),
        (b"text,n\na,1\nb\n", {}, r"expected 2 fields in every row"),
        (b"text,n\na,1\nb,2,3\n", {}, r"expected 2 fields in every row"),
        (b"text,n\na,1\n\xe9t\xe9,2\n", {}, r"is not utf-8; name the encoding with --encoding"),
        (b"te\xe9xt,n\na,1\n", {}, r"byte 2 is not utf-8; name the encoding with --encoding"),
        (b"text\na\n", {"encoding": "klingon"}, r"encoding 'klingon': unknown"),
        (b'text,n\n"a,1\nb,2\n', {}, r"expected 2 fields in every row|quote"),
    ],
)
def test_bad_csv_is_refused_in_one_line_and_leaves_nothing(content, options, message, classifier, tmp_path):
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        run(classifier, tmp_path / "in.csv", tmp_path / "out.csv", **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_missing_file_and_a_target_that_is_the_source_are_refused(classifier, tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: No such file or directory; expected a file of descriptions"):
        run(classifier, tmp_path / "none.csv", tmp_path / "out.csv")
    source = write(tmp_path / "in.csv", "text\na\n")
    (tmp_path / "link.csv").symlink_to(source)
    with pytest.raises(DataError, match=r"link\.csv: output is the input; expected another file"):
        run(classifier, source, tmp_path / "link.csv")
    with pytest.raises(DataError, match=r"cannot write there: No such file or directory"):
        run(classifier, source, tmp_path / "folder" / "out.csv")


def test_a_full_disk_keeps_the_old_output_and_nothing_else(classifier, tmp_path, monkeypatch):
    source = write(tmp_path / "in.csv", "text\na\n")
    write(tmp_path / "out.csv", "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(streams.os, "fsync", full)
    with pytest.raises(DataError, match=r"out\.csv: cannot write: No space left on device; nothing was kept"):
        run(classifier, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_json_lines_come_back_as_they_were_with_keys_added(classifier, tmp_path):
    lines = [
        '{"text": "compose a jingle", "n": 1.50, "big": 123456789012345678901}',
        '{ "text":null }',
        '{"text":"\\ud83d\\ude42"}',
    ]
    source = write(tmp_path / "in.jsonl", "\n".join(lines) + "\n")
    summary = run(classifier, source, tmp_path / "out.jsonl", format="jsonl")
    found = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert found[0].startswith(
        '{"text": "compose a jingle", "n": 1.50, "big": 123456789012345678901,"category":"music",'
    )
    assert json.loads(found[1]) == {
        "text": None,
        "category": "",
        "confidence": None,
        "predicted_needs": "",
        "predicted_inputs": "",
        "decided": None,
    }
    assert list(json.loads(found[2])) == ["text", *ADDED]
    assert (summary.n_rows, summary.n_blank) == (3, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"txt": "a"}\n', r"in\.jsonl:2: no key 'text'; found txt"),
        ('{"text": "a"}\n\n[1]\n', r"in\.jsonl:3: .*expected a JSON object"),
        ('{"text": 3}\n', r"in\.jsonl:1: text: .*expected a string"),
        ('{"text": "a", "decided": 1}\n', r"in\.jsonl:1: has a key 'decided', which the output would add"),
        ('{"text": "a"\n', r"in\.jsonl:1: .*expected a JSON object"),
    ],
)
def test_bad_json_lines_are_refused_by_line(content, message, classifier, tmp_path):
    source = write(tmp_path / "in.jsonl", content)
    with pytest.raises(DataError, match=message):
        run(classifier, source, tmp_path / "out.jsonl", format="jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_lines_come_back_as_csv(classifier, tmp_path):
    source = write(tmp_path / "in.txt", 'compose a jingle\r\n\nsay "hi", please')
    summary = run(classifier, source, tmp_path / "out.csv", format="lines")
    rows = read(tmp_path / "out.csv")
    assert rows[0] == ["text", *ADDED]
    assert [row[0] for row in rows[1:]] == ["compose a jingle", "", 'say "hi", please']
    assert summary.n_blank == 1


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("a.JSONL", "jsonl"), ("a.txt", "lines"), ("-", "csv")]
)
def test_the_name_says_the_format(name, expected, tmp_path):
    assert format_of(tmp_path / name) == expected
