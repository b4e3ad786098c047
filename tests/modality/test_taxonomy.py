import pytest

from modality.errors import SettingsError
from modality.taxonomy import DEFAULT_CATALOGUE, Taxonomy


def test_the_ten_categories_and_six_inputs_are_those_of_the_guide(taxonomy):
    assert list(taxonomy.categories) == [
        "text", "code", "image", "music", "speech", "sound", "video", "3d", "search", "analysis",
    ]  # fmt: skip
    assert taxonomy.inputs == ("image", "audio", "video", "3d", "document", "data")


@pytest.mark.parametrize(
    ("category", "modality", "tool"),
    [
        ("text", "text", "Claude"),
        ("code", "text", "GitHub Copilot"),
        ("image", "image", "Midjourney"),
        ("music", "audio", "Jukebox"),
        ("sound", "audio", "AudioGen"),
        ("video", "video", "Sora"),
        ("search", "data", "Google Search"),
        ("analysis", "data", "Wolfram Alpha"),
    ],
)
def test_categories_have_modality_and_example_tools(category, modality, tool, taxonomy):
    assert taxonomy.categories[category].modality == modality
    assert tool in taxonomy.categories[category].tools


@pytest.mark.parametrize(
    ("category", "inputs", "task"),
    [
        ("image", ["image"], "image-to-image"),
        ("image", [], "text-to-image"),
        ("video", ["document", "image"], "image-to-video"),
        ("search", [], None),
        ("3d", ["audio"], None),
    ],
)
def test_tasks_are_hugging_face_tags_where_there_is_one(category, inputs, task, taxonomy):
    assert taxonomy.task(category, inputs) == task


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('modality = "3d"', 'modality = "4d"', r"categories\.3d\.modality: found '4d'; expected one of text, image"),
        ("[categories.text]", "[categories.none]", r"categories\.none: not a name for a category"),
        ('tool = "code model"', "tool = 7", r"categories\.code\.tool: found 7; expected a string"),
        ('tools = ["Sora", "Veo", "Runway"]', "tools = [1]", r"categories\.video\.tools: found \[1\]"),
        ('order = ["image", ', 'order = ["picture", ', r"tasks\.text\.image: unknown key"),
        ("[inputs]", "[input]", r"input: unknown key; expected one of categories, inputs, tasks"),
        ("[inputs]", "[inputs", r"not a TOML file"),
    ],
)
def test_a_bad_catalogue_is_refused_by_key(old, new, message, tmp_path):
    text = DEFAULT_CATALOGUE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "catalogue.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        Taxonomy.load(path)


def test_a_missing_catalogue_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read the catalogue: No such file"):
        Taxonomy.load(tmp_path / "none.toml")
