"""Given a free-text task description: which kind of tool it needs, how sure we are, and why."""

from modality.classifier import Classifier
from modality.decision import Prediction
from modality.errors import ModalityError
from modality.explanation import Explanation

__all__ = ["Classifier", "Explanation", "ModalityError", "Prediction"]
