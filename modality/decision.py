"""From calibrated log-odds to a prediction: the only place where thresholds are applied.

* The *main category* is the likeliest of them by a softmax over the categories and ``none``, whose scores
  weigh the log-odds of all labels: what a person brings along, say, tells what they want made of it.
* Its *confidence* is the probability that it is right: a logistic function of its log-odds among all, and
  of its own, fitted on out-of-fold predictions. A category that stands alone is surer than one with a rival.
* *needs* holds the main category alone, unless ``several`` reaches its threshold: then also every other
  that reaches its own, and at least the second likeliest. Without ``several``, a prompt that may need
  the one tool or the other would be taken for one that needs both.
* *inputs* holds every input that reaches its threshold.
* *decided* is false below the abstention threshold, and where ``none`` reaches its own.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modality import kernels
from modality.artifact import Manifest
from modality.taxonomy import Taxonomy, label_keys

__all__ = ["Decider", "Decisions", "Prediction"]


class Prediction(NamedTuple):
    """What the model says of one prompt.

    Attributes
    ----------
    category
        The main deliverable's, or the best guess where ``decided`` is false.
    confidence
        Calibrated probability, in [0, 1], that ``category`` is right.
    modality
        Of the category: text, image, audio, video, 3d, or data for what is looked up or computed.
    needs
        Every category that has to run, the main one first, then by probability; each with its probability
        and example tools.
    inputs
        Every input that reaches its threshold, by probability.
    task
        Hugging Face pipeline tag for (inputs -> category), None where there is none.
    decided
        Whether ``confidence`` reaches the abstention threshold and a category fits at all.
    truncated
        Whether only the beginning and the end of the prompt were read.
    scores
        Category to the calibrated probability that it is needed; they need not sum to 1.
    model
        Version that answered.
    """

    category: str
    confidence: float
    modality: str
    needs: tuple[dict[str, Any], ...]
    inputs: tuple[dict[str, Any], ...]
    task: str | None
    decided: bool
    truncated: bool
    scores: Mapping[str, float]
    model: str

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON-ready objects, keys in the documented order."""
        return self._asdict()


@dataclass(frozen=True)
class Decisions:
    """Decisions on n prompts, as arrays.

    Attributes
    ----------
    probabilities
        float64, shape (n_prompts, n_labels), to the six decimals that are shown.
    main
        int64, shape (n_prompts,): index of the main category.
    confidence
        float64, shape (n_prompts,), to six decimals.
    chosen
        bool, shape (n_prompts, n_labels): categories and inputs that are listed.
    none_fits
        bool, shape (n_prompts,): whether no category fits.
    """

    probabilities: NDArray[np.float64]
    main: NDArray[np.int64]
    confidence: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    none_fits: NDArray[np.bool_]


class Decider:
    """Applies one version's thresholds.

    Parameters
    ----------
    manifest
        Of the version.
    taxonomy
        Has every category of the version.
    """

    def __init__(self, manifest: Manifest, taxonomy: Taxonomy) -> None:
        self.version = manifest.version
        self.categories = tuple(manifest.categories)
        self.inputs = tuple(manifest.inputs)
        self.abstain_below = manifest.abstain_below
        self._taxonomy = taxonomy
        keys = label_keys(manifest.categories, manifest.inputs)
        self._first_input = len(keys) - len(self.inputs)
        self._arrays = (
            np.array([manifest.thresholds[key] for key in keys], np.float64),
            np.array(manifest.choice, np.float64),
            np.array(manifest.confidence, np.float64),
        )
        self._rule = kernels.rule_table(*self._arrays)
        self._rule_at = kernels.address(self._rule)
        self._local = threading.local()

    def decide(self, logits: NDArray[np.float32]) -> Decisions:
        """Decide on n prompts.

        Parameters
        ----------
        logits
            float32, shape (n_prompts, n_labels), from :class:`modality.scorer.Scorer`.
        """
        decisions = self._empty(len(logits))
        written = (decisions.probabilities, decisions.main, decisions.confidence, decisions.chosen)
        kernels.decide(kernels.address(logits), len(logits), self._rule_at, *map(kernels.address, written))
        return decisions

    def decide_one(self, logits_at: int) -> Decisions:
        """Decide on one prompt, in memory that the thread keeps: what is returned holds until its next call.

        Parameters
        ----------
        logits_at
            Address of float32, shape (1, n_labels).
        """
        kept: tuple[Decisions, tuple[int, ...]] | None = getattr(self._local, "one", None)
        if kept is None:
            one = self._empty(1)
            written = (one.probabilities, one.main, one.confidence, one.chosen)
            kept = self._local.one = (one, tuple(kernels.address(array) for array in written))
        kernels.decide(logits_at, 1, self._rule_at, *kept[1])
        return kept[0]

    def _empty(self, n: int) -> Decisions:
        """Return room for decisions on n prompts."""
        n_labels = len(self._arrays[0])
        chosen = np.empty((n, n_labels), np.bool_)
        return Decisions(
            probabilities=np.empty((n, n_labels), np.float64),
            main=np.empty(n, np.int64),
            confidence=np.empty(n, np.float64),
            chosen=chosen,
            none_fits=chosen[:, len(self.categories)],
        )

    def needs(self, decisions: Decisions, i: int) -> list[str]:
        """Return the listed categories of prompt i: the main one, then the others by probability."""
        return self._needs(decisions.probabilities[i], decisions.chosen[i].tolist(), int(decisions.main[i]))

    def listed_inputs(self, decisions: Decisions, i: int) -> list[str]:
        """Return the listed inputs of prompt i by probability."""
        return self._listed_inputs(decisions.probabilities[i], decisions.chosen[i].tolist())

    def _needs(self, probabilities: Sequence[float], listed: Sequence[bool], main: int) -> list[str]:
        """Return the listed categories of one prompt."""
        names = self.categories
        others = [k for k in range(len(names)) if listed[k] and k != main]
        if len(others) > 1:
            others.sort(key=lambda k: -probabilities[k])
        return [names[main], *[names[k] for k in others]]

    def _listed_inputs(self, probabilities: Sequence[float], listed: Sequence[bool]) -> list[str]:
        """Return the listed inputs of one prompt."""
        first = self._first_input
        found = [k for k in range(len(self.inputs)) if listed[first + k]]
        if len(found) > 1:
            found.sort(key=lambda k: -probabilities[first + k])
        return [self.inputs[k] for k in found]

    def decided(self, decisions: Decisions, threshold: float | None = None) -> NDArray[np.bool_]:
        """Say for each prompt whether it is decided.

        Parameters
        ----------
        decisions
            From :meth:`decide`.
        threshold
            Lowest confidence that counts as decided, in [0, 1]; None for the version's own.
        """
        lowest = self.abstain_below if threshold is None else threshold
        decided: NDArray[np.bool_] = (decisions.confidence >= lowest) & ~decisions.none_fits
        return decided

    def prediction(
        self, decisions: Decisions, i: int, *, truncated: bool, threshold: float | None = None
    ) -> Prediction:
        """Return the prediction for prompt i.

        Parameters
        ----------
        decisions, i
            From :meth:`decide`, and which of its prompts.
        truncated
            Whether a part of the prompt was left out.
        threshold
            As for :meth:`decided`.
        """
        values = decisions.probabilities[i].tolist()
        listed = decisions.chosen[i].tolist()
        needs, inputs = self._needs(values, listed, int(decisions.main[i])), self._listed_inputs(values, listed)
        confidence = float(decisions.confidence[i])
        lowest = self.abstain_below if threshold is None else threshold
        scores = dict(zip(self.categories, values, strict=False))
        main = self._taxonomy.categories[needs[0]]
        return Prediction(
            category=main.name,
            confidence=confidence,
            modality=main.modality,
            needs=tuple(
                [
                    {"category": name, "confidence": scores[name], "tools": self._taxonomy.categories[name].tools}
                    for name in needs
                ]
            ),
            inputs=tuple(
                [{"input": name, "confidence": values[self._first_input + self.inputs.index(name)]} for name in inputs]
            ),
            task=self._taxonomy.task(main.name, inputs),
            decided=confidence >= lowest and not decisions.none_fits[i],
            truncated=truncated,
            scores=scores,
            model=self.version,
        )
