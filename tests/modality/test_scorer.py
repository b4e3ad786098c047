import dataclasses
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modality import kernels
from modality.artifact import Weights
from modality.scorer import MEMO_CHUNKS, Scorer

ANY_CHARACTER = st.characters(codec=None, exclude_categories=())
TRICKY = st.sampled_from(
    [
        "İ",
        "Σ",
        "ΑΣ",
        "ΑΣ.",
        "Σ\u0345Σ",
        "ǅ",
        "ß",
        "\ud800",
        "\x00",
        "\x85",
        "\u2003",
        "\u200b",
        "🙂",
        "e\u0301",
        "ﬁ",
        "_",
        "'",
    ]
)
WORDS = st.sampled_from(
    ["write", "a", "photo", "of", "the", "castle,", "song", "Python", "3d", "17.5%", "voice:", "snow"]
)
PROMPTS = st.lists(st.one_of(st.text(ANY_CHARACTER, max_size=12), TRICKY, WORDS), max_size=30).flatmap(
    lambda parts: st.sampled_from([" ", "", "\n", "\u00a0"]).map(lambda joint: joint.join(parts))
)


def reference(pipeline, classifier, prompts):
    """Probabilities as scikit-learn gives them, calibrated by the manifest."""
    slope, intercept = np.array(classifier.manifest.calibration).T
    return 1 / (1 + np.exp(-(pipeline.decision_function(prompts) * slope + intercept)))


def probabilities(classifier, prompts):
    return 1 / (1 + np.exp(-classifier.scorer.score(prompts).logits.astype(np.float64)))


@settings(max_examples=400, deadline=None)
@given(prompt=PROMPTS)
def test_scores_equal_scikit_learn_on_any_text(prompt, classifier, pipeline):
    np.testing.assert_allclose(
        probabilities(classifier, [prompt]), reference(pipeline, classifier, [prompt]), rtol=0, atol=1e-5
    )


@settings(max_examples=100, deadline=None)
@given(prompts=st.lists(PROMPTS, min_size=1, max_size=8), seed=st.randoms())
def test_scores_do_not_depend_on_the_company_or_the_order(prompts, seed, classifier):
    together = dict(zip(prompts, classifier.scorer.score(prompts).logits, strict=True))
    shuffled = list(together)
    seed.shuffle(shuffled)
    fresh = [classifier.scorer.score([prompt]).logits[0] for prompt in shuffled]
    np.testing.assert_array_equal(fresh, [together[prompt] for prompt in shuffled])


def test_scores_equal_scikit_learn_on_real_rows(rows, classifier, pipeline):
    prompts = [row.prompt for row in rows]
    np.testing.assert_allclose(
        probabilities(classifier, prompts), reference(pipeline, classifier, prompts), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "snow " * 100_000,
        "make it " * 20 + "snow",
        "x" * 100_000,
        "ab" * 24 + " " + "ab" * 25,  # on both sides of the longest remembered chunk
        "Σ" * 300,
        "a\u2003b\u2003photo\u2003of\u2003snow",  # white space that is not ASCII, inside one chunk
        "",
        " \n\t ",
    ],
)
def test_scores_equal_scikit_learn_on_repeats_and_long_words(prompt, classifier, pipeline):
    np.testing.assert_allclose(
        probabilities(classifier, [prompt]), reference(pipeline, classifier, [prompt]), rtol=0, atol=1e-5
    )


def test_memo_keeps_its_size_and_answers_the_same_when_it_forgets(classifier):
    scorer = classifier.scorer
    before = scorer.score(["a photo of a castle in the snow"]).logits
    memo = scorer._local.scratch.memo
    words = [f"w{i}x" for i in range(2 * MEMO_CHUNKS)]
    scorer.score([" ".join(words[i : i + 500]) for i in range(0, len(words), 500)])
    assert scorer._local.scratch.memo is memo
    assert len(memo) == MEMO_CHUNKS
    np.testing.assert_array_equal(scorer.score(["a photo of a castle in the snow"]).logits, before)


def test_a_chunk_with_the_hash_of_another_is_not_taken_for_it(classifier):
    scorer = Scorer(
        weights=Weights(
            vocabulary=np.array([1, 2], np.uint64),
            idf=np.ones(2, np.float32),
            coef=np.zeros((2, scorer_labels(classifier)), np.float32),
            intercept=np.zeros(scorer_labels(classifier), np.float32),
        ),
        manifest=dataclasses.replace(classifier.manifest, n_word_features=1),
    )
    scorer.score(["photo"])
    memo = scorer._local.scratch.memo
    (place,) = np.flatnonzero(memo[:, kernels.LENGTH])
    scorer.score(["photo"])
    assert memo[place, kernels.USED] == 1, "the chunk was not found again"
    memo[place].view(np.uint8)[4 * kernels.CHUNK_AT] = ord("q")  # as if "qhoto" had hashed alike
    scorer.score(["photo"])
    assert len(np.flatnonzero(memo[:, kernels.LENGTH])) == 2, "the chunk was taken for another one"


def scorer_labels(classifier):
    return len(classifier.manifest.calibration)


def test_threads_give_the_answers_that_one_thread_gives(rows, classifier):
    prompts = [row.prompt for row in rows[:400]]
    expected = classifier.scorer.score(prompts).logits
    found = [None] * 4

    def work(k):
        found[k] = classifier.scorer.score(prompts).logits

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for logits in found:
        np.testing.assert_array_equal(logits, expected)


def test_two_ngrams_with_one_hash_are_refused():
    table = np.zeros(8, np.uint64)
    assert kernels.build_table(np.array([5, 6, 5], np.uint64), table) == 2


def test_ngrams_are_counted_whether_known_or_not(classifier):
    total, known = classifier.scorer.score(["qzxv qzxv"]).n_ngrams[0]
    # Two words, one pair of words, and of " qzxv " 5 + 4 + 3 character n-grams each time.
    assert classifier.manifest.ngrams == [2, 2, 4]
    assert total == 2 + 1 + 2 * 12
    assert known < total
