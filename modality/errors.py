"""Every error that prompt-modality raises on purpose.

::

    ModalityError
    ├── PromptError               the caller's text cannot be classified
    ├── LabelError                a label is not in the taxonomy, or contradicts itself
    ├── DataError                 a file of rows cannot be read as what it should be
    ├── SettingsError             the environment, an option or the catalogue is not usable
    └── ArtifactError             a trained version cannot be used
        ├── ArtifactMissingError  there is none
        ├── ArtifactDamagedError  its bytes or its answers are not those that were written
        └── ArtifactFormatError   it was written for another format than this program reads

Messages say where, what was found, and what was expected.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "OUTCOMES",
    "ArtifactDamagedError",
    "ArtifactError",
    "ArtifactFormatError",
    "ArtifactMissingError",
    "DataError",
    "LabelError",
    "ModalityError",
    "Outcome",
    "PromptError",
    "SettingsError",
    "outcome_of",
]


class ModalityError(Exception):
    """Root of all errors raised on purpose."""


class PromptError(ModalityError):
    """A prompt is empty or blank."""


class LabelError(ModalityError):
    """A label is unknown, stands twice, or stands beside ``none``."""


class DataError(ModalityError):
    """A file of rows is missing, lacks a column, is ragged, or is in another encoding."""


class SettingsError(ModalityError):
    """An environment variable, an option or the catalogue is not usable."""


class ArtifactError(ModalityError):
    """A trained version cannot be used."""


class ArtifactMissingError(ArtifactError):
    """There is no trained version where one was looked for."""


class ArtifactDamagedError(ArtifactError):
    """A file of the artifact is absent or altered, or its probes get other answers."""


class ArtifactFormatError(ArtifactError):
    """The artifact's ``format_version`` is not one that this program reads."""


@dataclass(frozen=True)
class Outcome:
    """What a door answers to an error: HTTP status, its name in the answer, and the exit code (sysexits.h)."""

    status: int
    name: str
    exit_code: int


#: Error to outcome; the nearest ancestor's holds where a class has none of its own.
OUTCOMES: Mapping[type[ModalityError], Outcome] = {
    ModalityError: Outcome(500, "internal", 70),
    PromptError: Outcome(422, "invalid_prompt", 65),
    LabelError: Outcome(422, "invalid_label", 65),
    DataError: Outcome(422, "invalid_data", 65),
    SettingsError: Outcome(500, "invalid_settings", 78),
    ArtifactError: Outcome(503, "model_unavailable", 69),
    ArtifactMissingError: Outcome(503, "no_model", 69),
    ArtifactDamagedError: Outcome(503, "model_damaged", 69),
    ArtifactFormatError: Outcome(503, "model_format", 69),
}


def outcome_of(error: ModalityError) -> Outcome:
    """Return what a door answers to an error.

    >>> outcome_of(PromptError("blank")).status
    422
    """
    return next(OUTCOMES[kind] for kind in type(error).__mro__ if kind in OUTCOMES)
