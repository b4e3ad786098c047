"""The version that is being served, or why there is none."""

import logging
from pathlib import Path

from modality import Classifier, ModalityError

__all__ = ["ModelSlot"]

logger = logging.getLogger(__name__)


class ModelSlot:
    """Holds the loaded version; a service without one starts, and says why it is not ready."""

    def __init__(self, models: Path, catalogue: Path) -> None:
        self._models = models
        self._catalogue = catalogue
        self._classifier: Classifier | None = None
        self.problem: ModalityError | None = None

    def load(self) -> None:
        """Load the current version; on failure what was being served stays, and ``problem`` says why."""
        try:
            self._classifier = Classifier.load(self._models, catalogue=self._catalogue)
            self.problem = None
        except ModalityError as error:
            logger.error("no model loaded: %s", error)
            self.problem = error

    @property
    def classifier(self) -> Classifier:
        """The version being served.

        Raises
        ------
        ModalityError
            If there is none: the error that loading it ended with.
        """
        if self._classifier is None:
            assert self.problem is not None, "load() has not been called"
            raise self.problem
        return self._classifier
