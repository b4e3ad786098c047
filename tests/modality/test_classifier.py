import pytest

from modality import Classifier
from modality.classifier import MAX_CHARS, shorten
from modality.errors import PromptError, SettingsError
from modality.taxonomy import DEFAULT_CATALOGUE


def test_five_lines_are_enough(models):
    prediction = Classifier.load(models).classify("compose a jingle for my bakery")
    assert prediction.category == "music"
    assert "MusicLM" in prediction.needs[0]["tools"]
    assert prediction.as_dict()["model"] == prediction.model


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "\u2003"])
def test_a_blank_prompt_is_refused(prompt, classifier):
    with pytest.raises(PromptError, match=r"prompt is blank; expected a description of a task"):
        classifier.classify(prompt)
    with pytest.raises(PromptError, match=r"prompt 1 is blank"):
        classifier.classify_many(["a cat", prompt])


@pytest.mark.parametrize("prompt", ["\ud800", "\x00", "🙂🙂", "مرحبا", "\u202eabc", "asdf", "???", "ꙮ" * 50])
def test_what_says_nothing_gets_an_answer(prompt, classifier):
    prediction = classifier.classify(prompt)
    assert 0 <= prediction.confidence <= 1


def test_a_long_prompt_is_read_at_its_beginning_and_end(classifier):
    prompt = "compose a song " + "x " * MAX_CHARS + "for a piano"
    assert len(shorten(prompt)) == MAX_CHARS
    assert shorten(prompt).startswith("compose a song")
    assert shorten(prompt).endswith("for a piano")
    assert classifier.classify(prompt).truncated
    assert not classifier.classify("x" * MAX_CHARS).truncated


def test_one_and_many_give_the_same_answers(rows, classifier):
    prompts = [row.prompt for row in rows[:50]]
    assert classifier.classify_many(prompts) == [classifier.classify(prompt) for prompt in prompts]


def test_a_deployment_can_replace_the_tools_but_not_the_categories(models, tmp_path):
    text = DEFAULT_CATALOGUE.read_text(encoding="utf-8")
    ours = tmp_path / "catalogue.toml"
    ours.write_text(text.replace('"MusicLM"', '"House Band"'), encoding="utf-8")
    assert "House Band" in Classifier.load(models, catalogue=ours).classify("compose a jingle").needs[0]["tools"]
    ours.write_text(
        text.replace("[categories.music]", "[categories.melody]").replace("\nmusic =", "\nmelody ="), encoding="utf-8"
    )
    with pytest.raises(SettingsError, match=r"catalogue: no category 'music'"):
        Classifier.load(models, catalogue=ours)
