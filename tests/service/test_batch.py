import csv
import errno
import gzip
import io
import json
import os
import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modality.errors import DataError, SettingsError
from service.batch import partial
from service.batch.job import STANDARD_STREAM, Job, names_of
from service.batch.partial import Partial, partial_path
from service.batch.predictions import predict
from service.batch.run import classify_file

ADDED = ["category", "confidence", "predicted_needs", "predicted_inputs", "decided"]


def run(classifier, source, target, **options):
    return classify_file(classifier, Job.of(source, target, options.pop("format", None), **options), lambda *_: None)


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

    monkeypatch.setattr(partial.os, "fsync", full)
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
    ("name", "expected"),
    [
        ("a.csv", ("csv", None)),
        ("a.JSONL", ("jsonl", None)),
        ("a.b.txt.gz", ("lines", "gzip")),
        ("a.pq", ("parquet", None)),
        ("a.tsv.zst", ("csv", "zstd")),
        ("-", (None, None)),
        ("a.gz", (None, "gzip")),
    ],
)
def test_the_name_says_the_format_and_the_compression(name, expected, tmp_path):
    assert names_of(tmp_path / name) == expected


LINES = [f'{i},"text {i} for the {name}\nof several, lines ""quoted"""' for i in range(300) for name in ("cat", "song")]
MANY = "n,text\n" + "\n".join(LINES) + "\n"


def compressed(path, text):
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    data = text.encode()
    path.write_bytes(pa.Codec(codec).compress(data, asbytes=True) if codec else data)
    return path


def plain(path):
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    return pa.CompressedInputStream(str(path), codec).read() if codec else path.read_bytes()


@pytest.mark.parametrize("ends", [(".gz", ".zst"), (".zst", ".gz"), (".gz", ""), ("", ".gz")])
def test_names_say_how_csv_is_compressed(ends, classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("service.batch.csv_format.BLOCK_BYTES", 4096)  # several blocks, each compressed by itself
    run(classifier, compressed(tmp_path / "plain.csv", MANY), tmp_path / "expected.csv")
    target = tmp_path / f"out.csv{ends[1]}"
    summary = run(classifier, compressed(tmp_path / f"in.csv{ends[0]}", MANY), target)
    assert plain(target) == (tmp_path / "expected.csv").read_bytes()
    assert summary.n_rows == 600
    if ends[1] == ".gz":
        assert gzip.decompress(target.read_bytes()) == (tmp_path / "expected.csv").read_bytes()


@pytest.mark.parametrize("name", ["in.csv.gz", "in.csv.zst", "in.jsonl.gz", "in.txt.zst"])
def test_a_compressed_file_that_is_cut_off_or_is_none_is_refused(name, classifier, tmp_path):
    whole = compressed(tmp_path / name, "text\n" + "".join(f"row {i * i}\n" for i in range(20_000))).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-4], b"text\nnot compressed at all\n"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{re.escape(name)}: .*; expected a whole (gzip|zstd) file"):
            run(classifier, tmp_path / name, tmp_path / "out.jsonl" if "jsonl" in name else tmp_path / "out.csv")
        assert [path.name for path in tmp_path.iterdir()] == [name]


def test_parquet_keeps_types_and_adds_typed_columns(classifier, tmp_path):
    table = pa.table(
        {
            "n": pa.array([1, 2, None], pa.int16()),
            "when": pa.array([0, 1, 2], pa.timestamp("ms")),
            "text": pa.array(["compose a jingle", None, " "], pa.large_string()),
            "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
            "share": pa.array([0.5, -1e9, None]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    summary = run(classifier, tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(table.column_names).equals(table)
    assert found.column_names == [*table.column_names, *ADDED]
    assert found.schema.field("confidence").type == pa.float64()
    assert found["category"].to_pylist() == ["music", None, None]
    assert found["decided"].to_pylist()[1:] == [None, None]
    assert (summary.n_rows, summary.n_blank) == (3, 2)
    with pytest.raises(DataError, match=r"column 'tags': list<.*> cannot be written as CSV; leave it out with"):
        run(classifier, tmp_path / "in.parquet", tmp_path / "out.csv")
    run(classifier, tmp_path / "in.parquet", tmp_path / "out.csv", columns=("category", "n", "share", "when"))
    assert read(tmp_path / "out.csv")[0] == ["category", "n", "share", "when"]
    assert read(tmp_path / "out.csv")[2] == ["", "2", "-1000000000", "1970-01-01 00:00:00.001"]


def test_parquet_text_may_be_a_dictionary_but_not_numbers(classifier, tmp_path):
    text = pa.array(["compose a jingle", "compose a jingle", None]).dictionary_encode()
    pq.write_table(pa.table({"text": text}), tmp_path / "in.parquet")
    run(classifier, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["category"].to_pylist() == ["music", "music", None]
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "numbers.parquet")
    with pytest.raises(DataError, match=r"numbers\.parquet: column 'text': found int64; expected strings"):
        run(classifier, tmp_path / "numbers.parquet", tmp_path / "out2.parquet")
    (tmp_path / "no.parquet").write_bytes(b"text\na\n")
    with pytest.raises(DataError, match=r"no\.parquet: .*; expected a Parquet file"):
        run(classifier, tmp_path / "no.parquet", tmp_path / "out2.parquet")


def test_csv_and_parquet_give_the_same_predictions(classifier, tmp_path):
    run(classifier, write(tmp_path / "in.csv", MANY), tmp_path / "out.csv")
    run(classifier, tmp_path / "in.csv", tmp_path / "out.parquet")
    header, *rows = read(tmp_path / "out.csv")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == header
    assert [row[:3] for row in rows] == [list(row.values())[:3] for row in found.to_pylist()]
    assert [float(row[3]) for row in rows] == found["confidence"].to_pylist()


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_only_the_columns_that_were_chosen_are_written(name, classifier, tmp_path):
    content = (
        'a,text,b\n1,compose a jingle,"2,3"\n' if name == "in.csv" else '{"a":1,"text":"compose a jingle","b":"2,3"}\n'
    )
    target = tmp_path / name.replace("in", "out")
    run(classifier, write(tmp_path / name, content), target, columns=("b", "category", "a"))
    if name == "in.csv":
        assert read(target) == [["b", "category", "a"], ["2,3", "music", "1"]]
        with pytest.raises(DataError, match=r"--columns: 'c' is not there; found a, text, b, category"):
            run(classifier, tmp_path / name, target, columns=("c",))
    else:
        assert target.read_text() == '{"b":"2,3","category":"music","a":1}\n'


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a.jsonl", "b.csv"), {}, r"b\.csv: cannot write jsonl as csv"),
        (("a.csv", "b.jsonl"), {}, r"b\.jsonl: cannot write csv as jsonl"),
        (("a.csv", "b.parquet.gz"), {}, r"Parquet has its own compression"),
        (("a.csv", "b.csv"), {"encoding": "klingon"}, r"encoding 'klingon': unknown"),
        (("a.csv", "-"), {"resume": True}, r"--resume: standard input and output cannot be continued"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_read(names, options, message, classifier, tmp_path):
    target = STANDARD_STREAM if names[1] == "-" else tmp_path / names[1]
    with pytest.raises(SettingsError, match=message):
        run(classifier, tmp_path / names[0], target, **options)
    assert list(tmp_path.iterdir()) == []


class Interrupted(BaseException):
    """As KeyboardInterrupt, without ending the tests."""


def interrupted_run(classifier, source, target, after, **options):
    """Run until some blocks are complete, then be interrupted."""
    n_blocks = 0

    def stop(*_):
        nonlocal n_blocks
        n_blocks += 1
        if n_blocks == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        classify_file(classifier, Job.of(source, target, **options), stop)


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet", "out.csv.zst"])
def test_a_run_that_is_continued_gives_the_bytes_of_one_that_was_not_interrupted(
    name, classifier, tmp_path, monkeypatch
):
    monkeypatch.setattr("service.batch.csv_format.BLOCK_BYTES", 4096)
    monkeypatch.setattr(partial, "SECONDS_BETWEEN_ENTRIES", 0)
    source = write(tmp_path / "in.csv", MANY)
    (tmp_path / "whole").mkdir()
    whole, target = tmp_path / "whole" / name, tmp_path / name
    expected = run(classifier, source, whole)
    for after in (1, 3):
        interrupted_run(classifier, source, target, after, resume=True)
        assert not target.exists()
    scored = []
    monkeypatch.setattr("service.batch.run.predict", lambda *args: scored.append(1) or predict(*args))
    continued = run(classifier, source, target, resume=True)
    assert 0 < continued.n_continued < continued.n_rows
    assert replace(continued, n_continued=0) == expected
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.csv", name, "whole"])
    scored_again = len(scored)
    run(classifier, source, target)
    assert len(scored) - scored_again > scored_again > 0


def test_json_lines_and_parquet_can_be_continued(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("service.batch.line_formats.BLOCK_BYTES", 2048)
    monkeypatch.setattr("service.batch.parquet_format.ROWS_PER_BLOCK", 50)
    pq.write_table(pa.table({"text": [f"draw cat {i}" for i in range(400)]}), tmp_path / "in.parquet")
    write(tmp_path / "in.jsonl", "".join(json.dumps({"text": f"draw cat {i}"}) + "\n" for i in range(400)))
    for source, name in ((tmp_path / "in.parquet", "out.parquet"), (tmp_path / "in.jsonl", "out.jsonl.gz")):
        run(classifier, source, tmp_path / f"whole-{name}")
        interrupted_run(classifier, source, tmp_path / name, 2)
        run(classifier, source, tmp_path / name, resume=True)
        assert (tmp_path / name).read_bytes() == (tmp_path / f"whole-{name}").read_bytes()


def test_a_run_is_not_continued_with_other_input_options_or_output(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("service.batch.csv_format.BLOCK_BYTES", 4096)
    source, target = write(tmp_path / "in.csv", MANY), tmp_path / "out.csv"
    interrupted_run(classifier, source, target, 2)
    with pytest.raises(DataError, match=r"cannot be continued: columns was None, is \('n',\); run again without"):
        run(classifier, source, target, resume=True, columns=("n",))
    half = partial_path(target).read_bytes()
    partial_path(target).write_bytes(half[:10])
    with pytest.raises(DataError, match=r"is shorter than its journal says"):
        run(classifier, source, target, resume=True)
    partial_path(target).write_bytes(half)
    os.utime(source, (1, 1))
    with pytest.raises(DataError, match=r"cannot be continued: modified_ns was"):
        run(classifier, source, target, resume=True)
    run(classifier, source, target)  # anew
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_two_runs_do_not_write_one_target_at_once(classifier, tmp_path):
    source = write(tmp_path / "in.csv", MANY)
    first = Partial(tmp_path / "out.csv", None, resume=False)
    with pytest.raises(DataError, match=r"out\.csv: another run writes it"):
        run(classifier, source, tmp_path / "out.csv")
    first.discard()
    run(classifier, source, tmp_path / "out.csv")


def test_threads_do_not_change_the_output(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("service.batch.csv_format.BLOCK_BYTES", 4096)
    source = write(tmp_path / "in.csv", MANY)
    for n in (1, 5):
        classify_file(classifier, Job.of(source, tmp_path / f"out{n}.csv"), lambda *_: None, n_threads=n)
    assert (tmp_path / "out1.csv").read_bytes() == (tmp_path / "out5.csv").read_bytes()


def test_a_text_that_is_longer_than_is_read_is_classified_as_over_http(classifier, tmp_path):
    long = "compose a jingle for " + "the very very long story of my bakery 🥐 " * 1500 + " and a picture of it"
    texts = ["a cat", long, "", "é" * 20_000, long + " in oil", "draw a dog"]
    table = pa.table({"text": texts})
    pq.write_table(table, tmp_path / "in.parquet")
    summary = run(classifier, tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert summary.n_truncated == 2
    for row in found:
        if row["text"]:
            expected = classifier.classify(row["text"])
            assert (row["category"], row["confidence"]) == (expected.category, expected.confidence)
