import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modality.errors import PromptError


@settings(max_examples=60, deadline=None)
@given(prompt=st.text(min_size=1).filter(lambda text: not text.isspace()))
def test_words_and_ngrams_sum_to_the_log_odds_of_the_scorer(prompt, classifier):
    explanation = classifier.explain(prompt, "image")
    column = classifier.manifest.categories.index("image")
    scored = float(classifier.scorer.score([prompt]).logits[0, column])
    assert explanation.log_odds == pytest.approx(scored, abs=1e-4)
    for parts in (explanation.words, explanation.ngrams):
        assert explanation.bias + math.fsum(part.value for part in parts) == pytest.approx(
            explanation.log_odds, abs=1e-6
        )


def test_the_main_category_is_explained_unless_another_is_named(classifier):
    prompt = "a short piano melody, slow, sad, and a picture for its cover"
    assert classifier.explain(prompt).label == classifier.classify(prompt).category
    assert classifier.explain(prompt, "none").label == "none"


def test_the_word_that_decides_stands_out(classifier):
    words = {word.text: word.value for word in classifier.explain("compose a jingle for us", "music").words}
    assert max(words, key=words.get) == "jingle"


def test_the_json_form_keeps_the_sum(classifier):
    found = classifier.explain("make a photo of a castle in the snow").as_dict(n_ngrams=3)
    assert len(found["ngrams"]) == 3
    total = found["bias"] + sum(item["contribution"] for item in found["ngrams"]) + found["other_ngrams"]
    assert total == pytest.approx(found["log_odds"])


def test_an_unknown_category_is_refused_by_name(classifier):
    with pytest.raises(PromptError, match=r"category 'smell' is unknown; expected one of text, code"):
        classifier.explain("a rose", "smell")
