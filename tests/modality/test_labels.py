import pytest
from hypothesis import given
from hypothesis import strategies as st

from modality.errors import LabelError
from modality.labels import Labels, format_names, parse_labels
from modality.taxonomy import Taxonomy

TAXONOMY = Taxonomy.load()


def test_the_first_category_is_the_main_one():
    assert parse_labels("video+sound", "image", TAXONOMY) == Labels(("video", "sound"), ("image",))
    assert parse_labels("video+sound", "", TAXONOMY).main == "video"


def test_none_has_no_category():
    assert parse_labels("none", "", TAXONOMY) == Labels((), ())
    assert parse_labels("none", "", TAXONOMY).main == "none"


@pytest.mark.parametrize(
    ("needs", "inputs", "message"),
    [
        ("imagee", "", r"needs: 'imagee' is not a label; expected one of text, code, image"),
        ("", "", r"needs: '' is not a label"),
        ("image+image", "", r"needs: 'image\+image' has 'image' twice"),
        ("none+text", "", r"needs: 'none\+text' has 'none' beside other labels"),
        ("text", "photo", r"inputs: 'photo' is not a label; expected one of image, audio"),
        ("text ", "", r"needs: 'text ' is not a label"),
    ],
)
def test_illegal_labels_are_refused_by_name(needs, inputs, message):
    with pytest.raises(LabelError, match=message):
        parse_labels(needs, inputs, TAXONOMY)


@given(st.lists(st.sampled_from(list(TAXONOMY.categories)), min_size=1, unique=True))
def test_parsing_reads_what_formatting_wrote(needs):
    assert list(parse_labels(format_names(needs), "", TAXONOMY).needs) == needs


@given(st.text())
def test_any_text_is_parsed_or_refused(notation):
    try:
        labels = parse_labels(notation, "", TAXONOMY)
    except LabelError:
        return
    assert set(labels.needs) <= set(TAXONOMY.categories)
