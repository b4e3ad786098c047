from pathlib import Path

import pytest

from modality.errors import SettingsError
from service.settings import Settings


def test_what_is_not_set_keeps_its_default():
    assert Settings.from_environment({}) == Settings()


def test_the_environment_is_read():
    settings = Settings.from_environment({"MODALITY_MODELS": "/srv/models", "MODALITY_MAX_TEXTS": "7"})
    assert settings.models == Path("/srv/models")
    assert settings.max_texts == 7


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "", "٣"])
def test_a_bad_number_is_refused_by_name(value):
    with pytest.raises(SettingsError, match=rf"MODALITY_MAX_TEXTS: found '{value}'; expected a whole number above 0"):
        Settings.from_environment({"MODALITY_MAX_TEXTS": value})
