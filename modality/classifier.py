"""The library's front door: load a trained version, classify prompts, explain the answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modality.artifact import DEFAULT_MODELS, Manifest, Weights, current_version, read_manifest, read_weights
from modality.decision import Decider, Decisions, Prediction
from modality.errors import ArtifactDamagedError, PromptError, SettingsError
from modality.explanation import Explainer, Explanation
from modality.scorer import Scorer
from modality.taxonomy import DEFAULT_CATALOGUE, NONE, Taxonomy

__all__ = ["MAX_CHARS", "BlockDecisions", "Classifier", "shorten"]

MAX_CHARS = 32_768  #: longer prompts are classified on their beginning and end
HEAD_CHARS = 24_576  #: of a longer prompt; the request stands there more often than at the end
PROBE_TOLERANCE = 1e-4  #: on a probe's confidence; float32 differs between processors by less


class BlockDecisions(NamedTuple):
    """Decisions on n prompts of a buffer.

    Attributes
    ----------
    decisions
        One for each prompt.
    blank
        bool, shape (n_prompts,): whether there is nothing to decide on.
    truncated
        bool, shape (n_prompts,): whether only the beginning and the end were read.
    """

    decisions: Decisions
    blank: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Classifier:
    """One trained version, ready to answer. Threads may share it.

    Examples
    --------
    >>> from modality import Classifier
    >>> classifier = Classifier.load()  # doctest: +SKIP
    >>> classifier.classify("a jingle for my bakery").category  # doctest: +SKIP
    'music'
    """

    def __init__(self, manifest: Manifest, weights: Weights, taxonomy: Taxonomy) -> None:
        missing = [name for name in manifest.categories if name not in taxonomy.categories]
        if missing:
            raise SettingsError(f"catalogue: no category {missing[0]!r}; the model {manifest.version} has it")
        self.manifest = manifest
        self.taxonomy = taxonomy
        self.scorer = Scorer(weights, manifest)
        self.decider = Decider(manifest, taxonomy)
        self._explainer = Explainer(weights, manifest)

    @classmethod
    def load(
        cls, models: Path | str = DEFAULT_MODELS, version: str | None = None, catalogue: Path | str = DEFAULT_CATALOGUE
    ) -> "Classifier":
        """Load a version, check its digests and put its probes to it.

        Parameters
        ----------
        models
            Folder of all versions.
        version
            Its name; None for the one in use.
        catalogue
            TOML file with the example tools.

        Raises
        ------
        ArtifactError
            If there is no such version, it is damaged, or it has another format.
        SettingsError
            If the catalogue is not usable, or lacks a category of the model.
        """
        models = Path(models)
        version = current_version(models) if version is None else version
        manifest = read_manifest(models, version)
        classifier = cls(manifest, read_weights(models, manifest), Taxonomy.load(Path(catalogue)))
        classifier._check_probes(models / version)
        return classifier

    def classify(self, prompt: str, threshold: float | None = None) -> Prediction:
        """Classify one prompt.

        Parameters
        ----------
        prompt
            Any text that is not blank; of more than ``MAX_CHARS`` characters the middle is left out.
        threshold
            Lowest confidence that counts as decided, in [0, 1]; None for the version's own.

        Raises
        ------
        PromptError
            If the prompt is empty or blank.
        """
        if not prompt or prompt.isspace():
            raise PromptError("prompt is blank; expected a description of a task")
        decisions = self.decider.decide_one(self.scorer.score_one(shorten(prompt)))
        return self.decider.prediction(decisions, 0, truncated=len(prompt) > MAX_CHARS, threshold=threshold)

    def classify_many(self, prompts: Sequence[str], threshold: float | None = None) -> list[Prediction]:
        """Classify prompts; the answers are those that :meth:`classify` gives to each.

        Raises
        ------
        PromptError
            If a prompt is empty or blank; the message has its position.
        """
        for i, prompt in enumerate(prompts):
            if not prompt or prompt.isspace():
                raise PromptError(f"prompt {i} is blank; expected a description of a task")
        decisions = self.decide(prompts)
        return [
            self.decider.prediction(decisions, i, truncated=len(prompt) > MAX_CHARS, threshold=threshold)
            for i, prompt in enumerate(prompts)
        ]

    def decide(self, prompts: Sequence[str]) -> Decisions:
        """Return the decisions on prompts as arrays, for callers that have many."""
        return self.decider.decide(self.scorer.score([shorten(prompt) for prompt in prompts]).logits)

    def decide_utf8(self, buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> BlockDecisions:
        """Return the decisions on prompts that lie in one buffer, as Arrow keeps them.

        Parameters
        ----------
        buffer
            UTF-8.
        offsets
            int64, shape (n_prompts + 1,): prompt i is ``buffer[offsets[i]:offsets[i + 1]]``. A blank one
            gets a decision, which says nothing.
        """
        truncated = np.zeros(len(offsets) - 1, np.bool_)
        parts: list[bytes] = []
        kept = int(offsets[0])
        # Only a prompt of more bytes than that can have more characters.
        for i in np.flatnonzero(np.diff(offsets) > MAX_CHARS).tolist():
            prompt = buffer[offsets[i] : offsets[i + 1]].tobytes().decode("utf-8")
            truncated[i] = len(prompt) > MAX_CHARS
            if truncated[i]:
                parts += [buffer[kept : offsets[i]].tobytes(), shorten(prompt).encode("utf-8")]
                kept = int(offsets[i + 1])
        if parts:
            lengths = np.diff(offsets)
            lengths[truncated] = [len(part) for part in parts[1::2]]
            buffer = np.frombuffer(b"".join([*parts, buffer[kept : offsets[-1]].tobytes()]), np.uint8)
            offsets = np.concatenate([[0], np.cumsum(lengths)])
        scores = self.scorer.score_buffer(buffer, offsets)
        # Every text that is not white space alone has an n-gram.
        return BlockDecisions(self.decider.decide(scores.logits), scores.n_ngrams[:, 0] == 0, truncated)

    def explain(self, prompt: str, category: str | None = None) -> Explanation:
        """Say which words and n-grams spoke for and against a category.

        Parameters
        ----------
        prompt
            As for :meth:`classify`.
        category
            None for the main one; ``none`` for the score of "no category fits".

        Raises
        ------
        PromptError
            If the prompt is blank, or the version has no such category.
        """
        main = self.classify(prompt).category
        known = [*self.manifest.categories, NONE]
        if category is not None and category not in known:
            raise PromptError(f"category {category!r} is unknown; expected one of {', '.join(known)}")
        return self._explainer.explain(shorten(prompt), category or main)

    def _check_probes(self, folder: Path) -> None:
        """Refuse a version that does not answer its own probes as it did when it was trained."""
        for probe in self.manifest.probes:
            found = self.classify(probe["text"])
            same = abs(found.confidence - probe["confidence"]) <= PROBE_TOLERANCE
            if found.category != probe["category"] or not same or not np.isfinite(found.confidence):
                raise ArtifactDamagedError(
                    f"{folder}: the probe {probe['text']!r} gives {found.category} {found.confidence}; "
                    f"expected {probe['category']} {probe['confidence']}; run `make train`"
                )


def shorten(prompt: str) -> str:
    """Return a prompt of at most ``MAX_CHARS`` characters: its beginning and its end.

    >>> len(shorten("a" * 40_000))
    32768
    """
    if len(prompt) <= MAX_CHARS:
        return prompt
    return prompt[:HEAD_CHARS] + "\n" + prompt[len(prompt) - (MAX_CHARS - HEAD_CHARS - 1) :]
