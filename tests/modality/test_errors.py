import modality
from modality import errors
from modality.errors import OUTCOMES, ModalityError, outcome_of


def subclasses(kind):
    return [kind, *(c for sub in kind.__subclasses__() for c in subclasses(sub))]


def test_every_error_has_an_outcome_of_its_own():
    assert set(subclasses(ModalityError)) == set(OUTCOMES)
    for kind in subclasses(ModalityError):
        outcome = outcome_of(kind("message"))
        assert 400 <= outcome.status <= 503
        assert 64 <= outcome.exit_code <= 78


def test_every_error_is_exported_and_drawn_in_the_tree():
    for kind in subclasses(ModalityError):
        assert kind.__name__ in errors.__all__
        assert kind.__name__ in errors.__doc__


def test_a_new_subclass_answers_as_its_parent():
    class Special(errors.PromptError):
        pass

    assert outcome_of(Special("x")) == OUTCOMES[errors.PromptError]
    del Special


def test_all_names_of_the_package_are_there():
    assert sorted(modality.__all__) == modality.__all__
    for name in modality.__all__:
        assert hasattr(modality, name)
