from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from modality.ngrams import hash_char_ngram, hash_word_ngram, occurrences

WORDS = TfidfVectorizer(ngram_range=(1, 2)).build_analyzer()
CHARS = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer()


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_occurrences_are_the_ngrams_of_scikit_learn(prompt):
    _, found = occurrences(prompt, 2, 2, 5)
    assert Counter(o.ngram for o in found if o.kind == "word") == Counter(WORDS(prompt))
    assert Counter(o.ngram for o in found if o.kind == "char") == Counter(CHARS(prompt))


def test_each_occurrence_knows_the_words_it_lies_in():
    words, found = occurrences("Make it-snow now", 2, 2, 5)
    assert words == ["make", "it-snow", "now"]
    where = {o.ngram: o.words for o in found if o.kind == "word"}
    assert where["snow"] == (1,)
    assert where["it snow"] == (1, 1)
    assert where["snow now"] == (1, 2)


def test_word_and_character_ngrams_of_one_text_have_different_hashes():
    assert hash_word_ngram("snow") != hash_char_ngram("snow")
    assert hash_word_ngram("snow now") != hash_word_ngram("now snow")


def test_three_words_are_refused():
    with pytest.raises(ValueError, match=r"'a b c' has 3 words; expected one or two"):
        hash_word_ngram("a b c")
