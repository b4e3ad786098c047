"""The service's configuration, read from the environment once and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modality.artifact import DEFAULT_MODELS
from modality.errors import SettingsError
from modality.taxonomy import DEFAULT_CATALOGUE

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What a deployment can choose.

    Attributes
    ----------
    models
        ``MODALITY_MODELS``: folder of all trained versions.
    catalogue
        ``MODALITY_CATALOGUE``: TOML file with the example tools.
    max_body_bytes
        ``MODALITY_MAX_BODY_BYTES``: larger bodies are refused with 413.
    max_texts
        ``MODALITY_MAX_TEXTS``: longer batches are refused with 422.
    """

    models: Path = DEFAULT_MODELS
    catalogue: Path = DEFAULT_CATALOGUE
    max_body_bytes: int = 1 << 20
    max_texts: int = 1024

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; what is not set keeps its default.

        Raises
        ------
        SettingsError
            If a value is not what it should be; the message names the variable.
        """
        defaults = cls()
        return cls(
            models=Path(environment.get("MODALITY_MODELS", defaults.models)),
            catalogue=Path(environment.get("MODALITY_CATALOGUE", defaults.catalogue)),
            max_body_bytes=_positive(environment, "MODALITY_MAX_BODY_BYTES", defaults.max_body_bytes),
            max_texts=_positive(environment, "MODALITY_MAX_TEXTS", defaults.max_texts),
        )


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    """Return a positive whole number from the environment."""
    value = environment.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise SettingsError(f"{name}: found {value!r}; expected a whole number above 0")
    return int(value)
