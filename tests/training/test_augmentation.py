import pytest

from training.augmentation import altered, read_carriers
from training.robustness import PERTURBATIONS

CARRIERS = ["Hello there.", "Thanks!"]


def test_the_same_seed_gives_the_same_copy_and_another_another():
    prompt = "please paint a yellow house beside the river, with a boat"
    copies = [altered(prompt, CARRIERS, seed) for seed in range(20)]
    assert copies == [altered(prompt, CARRIERS, seed) for seed in range(20)]
    assert len(set(copies)) > 8


@pytest.mark.parametrize("prompt", ["", " ", "?", "ab", "\ud800", "🙂", "a" * 5000])
def test_any_text_has_a_copy_that_is_not_empty_where_it_was_not(prompt):
    for seed in range(30):
        assert altered(prompt, CARRIERS, seed) or not prompt


def test_carriers_are_different_and_none_is_what_robustness_is_measured_with():
    carriers = read_carriers()
    assert len(carriers) > 500
    assert len({carrier.casefold() for carrier in carriers}) == len(carriers)
    assert all(carrier.strip() == carrier and carrier for carrier in carriers)
    before = PERTURBATIONS["polite sentence before"]

    class First:
        @staticmethod
        def choice(options):
            assert not set(options) & set(carriers)
            return options[0]

    assert before("x", First).endswith(" x")
