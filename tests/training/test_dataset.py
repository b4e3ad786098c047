import pytest

from modality.errors import DataError, LabelError
from modality.taxonomy import label_keys
from training.dataset import data_digest, label_matrix, main_labels, read_folder, read_rows, scan_rows


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_know_where_they_begin(taxonomy, tmp_path):
    path = write(tmp_path / "a.csv", 'text,needs,inputs\n"two\nlines",code,\na photo,image+text,image\n')
    first, second = read_rows(path, taxonomy)
    assert (first.file, first.line, first.prompt) == ("a.csv", 2, "two\nlines")
    assert (second.line, second.labels.needs, second.labels.inputs) == (4, ("image", "text"), ("image",))


def test_optional_columns_are_read_and_accepted_readings_parsed(taxonomy, tmp_path):
    path = write(
        tmp_path / "a.csv",
        "id,text,needs,inputs,accept,lang,kind,source\n1,x y,image,,video|image+text|unclear,en,bare,us\n",
    )
    (row,) = read_rows(path, taxonomy)
    assert row.readings == (("image",), ("video",), ("image", "text"), ())
    assert (row.lang, row.kind, row.source) == ("en", "bare", "us")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "text,needs,inputs\na,imagee,\n",
            LabelError,
            r"a\.csv:2: needs: 'imagee' is not a label; expected one of text, code",
        ),
        ("text,needs,inputs\na,text,\n,text,\n", DataError, r"a\.csv:3: text is blank"),
        ("text,needs,inputs\na,text\n", DataError, r"a\.csv:2: 2 fields; expected 3 \(text, needs, inputs\)"),
        ("text,needs\na,text\n", DataError, r"a\.csv:1: no column 'inputs'; found text, needs"),
        ("text,needs,inputs,colour\na,text,,red\n", DataError, r"a\.csv:1: column 'colour' is unknown"),
        ('text,needs,inputs\n"a"b,text,\n', DataError, r"a\.csv:2: .*expected RFC 4180 quoting"),
        ("", DataError, r"a\.csv:1: no column 'text'; found nothing"),
    ],
)
def test_a_bad_row_is_refused_by_file_and_line(text, kind, message, taxonomy, tmp_path):
    with pytest.raises(kind, match=message):
        read_rows(write(tmp_path / "a.csv", text), taxonomy)


def test_a_file_in_another_encoding_is_refused(taxonomy, tmp_path):
    (tmp_path / "a.csv").write_bytes("text,needs,inputs\né,text,\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv: byte 18 is not UTF-8"):
        read_rows(tmp_path / "a.csv", taxonomy)


def test_one_bad_row_does_not_spoil_the_rest(taxonomy, tmp_path):
    path = write(tmp_path / "a.csv", "text,needs,inputs\na,text,\nb,txt,\nc,code,\n")
    kinds = [type(found).__name__ for found in scan_rows(path, taxonomy)]
    assert kinds == ["Row", "LabelError", "Row"]


def test_an_empty_folder_is_refused(taxonomy, tmp_path):
    with pytest.raises(DataError, match=r"no CSV file found"):
        read_folder(tmp_path, taxonomy)


def test_labels_become_columns_in_the_order_of_the_model(taxonomy, tmp_path):
    path = write(tmp_path / "a.csv", "text,needs,inputs\na,video+text,image\nb,none,\n")
    rows = read_rows(path, taxonomy)
    keys = label_keys(list(taxonomy.categories), taxonomy.inputs)
    first, second = label_matrix(rows, taxonomy)
    assert {key for key, on in zip(keys, first, strict=True) if on} == {"text", "video", "several", "input:image"}
    assert {key for key, on in zip(keys, second, strict=True) if on} == {"none"}
    assert main_labels(rows, taxonomy).tolist() == [keys.index("video"), keys.index("none")]


def test_the_digest_changes_with_a_label(taxonomy, tmp_path):
    one = read_rows(write(tmp_path / "a.csv", "text,needs,inputs\na,text,\n"), taxonomy)
    other = read_rows(write(tmp_path / "a.csv", "text,needs,inputs\na,code,\n"), taxonomy)
    assert data_digest(one) == data_digest(one) != data_digest(other)
