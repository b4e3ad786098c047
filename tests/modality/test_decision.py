import dataclasses

import numpy as np
import pytest

from modality.decision import Decider
from modality.taxonomy import label_keys


@pytest.fixture
def decider(classifier, taxonomy):
    manifest = classifier.manifest
    thresholds = dict.fromkeys(manifest.thresholds, 0.5)
    choice = np.eye(len(manifest.categories) + 1, len(manifest.thresholds) + 1)
    rule = {"thresholds": thresholds, "choice": choice.tolist(), "confidence": [1.0, 0.5, 0.25], "abstain_below": 0.6}
    return Decider(dataclasses.replace(manifest, **rule), taxonomy)


def logits(classifier, **values):
    keys = label_keys(classifier.manifest.categories, classifier.manifest.inputs)
    names = [key.replace(":", "_") for key in keys]
    row = np.full((1, len(names)), -4.0, np.float32)
    for name, value in values.items():
        row[0, names.index(name)] = value
    return row


def predict(decider, row, threshold=None):
    decisions = decider.decide(row)
    prediction = decider.prediction(decisions, 0, truncated=False, threshold=threshold)
    assert prediction.decided == bool(decider.decided(decisions, threshold)[0])
    return prediction


def test_needs_has_the_main_category_first_and_then_those_over_their_threshold(classifier, decider):
    prediction = predict(decider, logits(classifier, music=1.0, image=2.0, code=-0.1, speech=0.5, several=0.1))
    assert [need["category"] for need in prediction.needs] == ["image", "music", "speech"]
    assert prediction.category == "image"
    assert prediction.modality == "image"


def test_one_category_alone_is_listed_unless_several_are_needed(classifier, decider):
    prediction = predict(decider, logits(classifier, text=2.0, search=1.5, several=-0.1))
    assert [need["category"] for need in prediction.needs] == ["text"]


def test_the_second_likeliest_is_listed_where_several_are_needed_and_none_reaches_its_threshold(classifier, decider):
    prediction = predict(decider, logits(classifier, text=2.0, search=-1.5, several=0.1))
    assert [need["category"] for need in prediction.needs] == ["text", "search"]


def test_confidence_is_the_logistic_of_the_log_odds_among_all_and_of_its_own(classifier, decider):
    prediction = predict(decider, logits(classifier, image=2.0, music=1.0, none=-3.0))
    among_all = -np.log(np.exp(1.0 - 2.0) + np.exp(-3.0 - 2.0) + 8 * np.exp(-4.0 - 2.0))
    assert prediction.confidence == pytest.approx(1 / (1 + np.exp(-(among_all + 0.5 * 2.0 + 0.25))), abs=1e-6)
    assert prediction.decided


def test_the_main_category_is_chosen_by_the_log_odds_of_all_labels(classifier, decider, taxonomy):
    manifest = classifier.manifest
    row = logits(classifier, text=2.0, image=1.5, input_image=3.0)
    assert predict(decider, row).category == "text"
    keys = label_keys(manifest.categories, manifest.inputs)
    choice = np.eye(len(manifest.categories) + 1, len(keys) + 1)
    choice[manifest.categories.index("image"), keys.index("input:image")] = 0.5
    rule = {"thresholds": dict.fromkeys(keys, 0.5), "choice": choice.tolist(), "confidence": [1.0, 0.0, 0.0]}
    changed = Decider(dataclasses.replace(manifest, **rule), taxonomy)
    assert predict(changed, row).category == "image"
    choice[manifest.categories.index("text"), -1] = 2.0  # a bias
    changed = Decider(dataclasses.replace(manifest, **{**rule, "choice": choice.tolist()}), taxonomy)
    assert predict(changed, row).category == "text"


def test_the_main_category_is_listed_even_below_its_threshold_but_not_decided(classifier, decider):
    prediction = predict(decider, logits(classifier, text=-1.0, none=3.0))
    assert [need["category"] for need in prediction.needs] == ["text"]
    assert not prediction.decided


def test_where_none_fits_nothing_is_decided(classifier, decider):
    assert predict(decider, logits(classifier, image=9.0, none=-0.5)).decided
    assert not predict(decider, logits(classifier, image=9.0, none=0.1), threshold=0.0).decided


def test_the_callers_threshold_takes_the_place_of_the_versions(classifier, decider):
    row = logits(classifier, image=2.0, music=1.0, none=-3.0)
    assert not predict(decider, row, threshold=0.995).decided
    assert predict(decider, logits(classifier, text=-1.0, none=-3.0), threshold=0.0).decided


def test_inputs_are_listed_by_probability_and_give_the_task(classifier, decider):
    prediction = predict(decider, logits(classifier, image=2.0, input_image=0.5, input_document=1.5))
    assert [item["input"] for item in prediction.inputs] == ["document", "image"]
    assert prediction.task == "image-to-image"


def test_the_json_form_has_the_documented_keys_in_order(classifier, decider):
    found = predict(decider, logits(classifier, image=2.0)).as_dict()
    assert list(found) == [
        "category", "confidence", "modality", "needs", "inputs", "task", "decided", "truncated", "scores", "model",
    ]  # fmt: skip
    assert list(found["scores"]) == classifier.manifest.categories
