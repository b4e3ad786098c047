"""From labelled rows to a version in ``models/``: fit, calibrate, evaluate, write, promote."""

import hashlib
import io
import json
import platform
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from modality.artifact import FORMAT_VERSION, Manifest, Weights, set_current, write_artifact
from modality.classifier import Classifier
from modality.decision import Decider
from modality.errors import DataError
from modality.ngrams import hash_char_ngram, hash_word_ngram
from modality.taxonomy import NONE, Taxonomy, label_keys
from training.dataset import Row, data_digest, label_matrix, main_labels
from training.decision_rule import calibrated, fit_abstain_below, fit_decision_rule
from training.evaluation import Evaluation, evaluate_decisions
from training.pipeline import Config, fit_all
from training.suspects import Suspect, find_suspects, write_suspects

__all__ = ["train", "weights_of"]

MIN_ROWS_PER_LABEL = 20
PROBES = (
    "write a Midjourney prompt for a castle",
    "a castle above the clouds, golden hour, 35mm",
    "what is in this photo?",
    "how did EUR/USD close yesterday",
    "glass shattering on concrete, close mic",
    "Überprüfe bitte die Rechtschreibung dieses Absatzes 🙂",
    "asdf",
)


def train(
    rows: Sequence[Row], taxonomy: Taxonomy, models: Path, config: Config, *, progress: bool
) -> tuple[str, Evaluation]:
    """Train a version and make it the current one.

    Parameters
    ----------
    rows
        The whole corpus; the file of a row is its group.
    taxonomy
        The labels.
    models
        Folder of all versions.
    config
        The model's choices.
    progress
        Whether to show a progress bar on standard error, where that is a terminal.

    Returns
    -------
    tuple
        The version's name, and its evaluation on out-of-fold predictions.

    Raises
    ------
    DataError
        If a label has too few rows, or the rows come from too few files.
    """
    labels, main = label_matrix(rows, taxonomy), main_labels(rows, taxonomy)
    _check_counts(rows, labels, taxonomy, config)
    prompts, groups = [row.prompt for row in rows], [row.file for row in rows]
    pipeline, decision_values = fit_all(prompts, labels, main, groups, config=config, progress=progress)
    weights = weights_of(pipeline)
    blocks = dict(pipeline.named_steps["features"].transformer_list)
    n_word_features = len(blocks["word"].named_steps["count"].vocabulary_)
    rule = fit_decision_rule(rows, labels, decision_values, taxonomy, config)
    manifest = _manifest(rows, weights, n_word_features, taxonomy, config, rule)
    decisions = Decider(manifest, taxonomy).decide(calibrated(decision_values, np.array(manifest.calibration)))
    manifest = replace(manifest, abstain_below=round(fit_abstain_below(rows, decisions, config), 4))
    evaluation = evaluate_decisions(rows, decisions, Decider(manifest, taxonomy))
    classifier = Classifier(manifest, weights, taxonomy)
    manifest = replace(
        manifest,
        metrics={name: round(value, 6) for name, value in evaluation.overall.items() if np.isfinite(value)},
        probes=[_probe(classifier, prompt) for prompt in PROBES],
    )
    suspects = find_suspects(rows, decisions, list(taxonomy.categories))
    _write(models, manifest, weights, pipeline, evaluation, suspects)
    set_current(models, manifest.version)
    return manifest.version, evaluation


def weights_of(pipeline: Pipeline) -> Weights:
    """Return the arrays of a fitted pipeline, hashes for its n-grams."""
    blocks = dict(pipeline.named_steps["features"].transformer_list)
    hashes = [
        np.array([hash_ngram(ngram) for ngram in blocks[name].get_feature_names_out()], np.uint64)
        for name, hash_ngram in (("word", hash_word_ngram), ("char", hash_char_ngram))
    ]
    estimators = pipeline.named_steps["labels"].estimators_
    return Weights(
        vocabulary=np.concatenate(hashes),
        idf=np.concatenate([blocks[name].named_steps["tfidf"].idf_ for name in ("word", "char")]).astype(np.float32),
        coef=np.ascontiguousarray(np.vstack([e.coef_ for e in estimators]).T, np.float32),
        intercept=np.concatenate([e.intercept_ for e in estimators]).astype(np.float32),
    )


def _check_counts(rows: Sequence[Row], labels: NDArray[np.bool_], taxonomy: Taxonomy, config: Config) -> None:
    """Refuse a corpus that cannot be learnt from."""
    files = {row.file for row in rows}
    if len(files) < config.n_folds:
        raise DataError(f"the rows come from {len(files)} files; expected {config.n_folds} or more, one a fold")
    for name, column in zip(label_keys(list(taxonomy.categories), taxonomy.inputs), labels.T, strict=True):
        of = {rows[int(i)].file for i in np.flatnonzero(column)}
        if column.sum() < MIN_ROWS_PER_LABEL or len(of) < 2:
            raise DataError(
                f"label {name!r} has {column.sum()} rows in {len(of)} files; "
                f"expected {MIN_ROWS_PER_LABEL} or more in two files or more"
            )


def _manifest(
    rows: Sequence[Row],
    weights: Weights,
    n_word_features: int,
    taxonomy: Taxonomy,
    config: Config,
    rule: dict[str, Any],
) -> Manifest:
    """Return the manifest, metrics and probes still empty."""
    digest = hashlib.sha256(_npz(weights))
    digest.update(json.dumps(rule, sort_keys=True).encode())
    needs = Counter(name for row in rows for name in (row.labels.needs or (NONE,)))
    inputs = Counter(name for row in rows for name in row.labels.inputs)
    return Manifest(
        format_version=FORMAT_VERSION,
        version=f"{datetime.now(UTC):%Y%m%d}-{digest.hexdigest()[:6]}",
        categories=list(taxonomy.categories),
        inputs=list(taxonomy.inputs),
        n_word_features=n_word_features,
        ngrams=[config.max_words, config.shortest, config.longest],
        files={},
        data={
            "sha256": data_digest(rows),
            "n_rows": len(rows),
            "n_files": len({row.file for row in rows}),
            "needs": {name: needs[name] for name in [*taxonomy.categories, NONE]},
            "inputs": {name: inputs[name] for name in taxonomy.inputs},
        },
        seed=config.seed,
        libraries={
            "python": platform.python_version(),
            **{name: library_version(name) for name in ("scikit-learn", "numpy", "scipy")},
        },
        abstain_below=0.0,
        metrics={},
        probes=[],
        **rule,
    )


def _probe(classifier: Classifier, prompt: str) -> dict[str, Any]:
    """Return a prompt with the answer that the version gives to it."""
    prediction = classifier.classify(prompt)
    return {"text": prompt, "category": prediction.category, "confidence": prediction.confidence}


def _write(
    models: Path,
    manifest: Manifest,
    weights: Weights,
    pipeline: Pipeline,
    evaluation: Evaluation,
    suspects: Sequence[Suspect],
) -> None:
    """Write the version's folder; nothing of it stays if that fails."""
    models.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=models, prefix=".writing-"))
    try:
        folder.chmod(0o755)
        (folder / "weights.npz").write_bytes(_npz(weights))
        joblib.dump(pipeline, folder / "pipeline.joblib", compress=3)
        metrics = json.dumps({"on": "out-of-fold predictions", **evaluation.as_dict()}, indent=1) + "\n"
        (folder / "metrics.json").write_text(metrics, encoding="utf-8")
        write_suspects(folder / "suspects.csv", suspects)
        write_artifact(models, manifest, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _npz(weights: Weights) -> bytes:
    """Return the bytes of ``weights.npz``; numpy puts no time stamps in."""
    buffer = io.BytesIO()
    np.savez(buffer, vocabulary=weights.vocabulary, idf=weights.idf, coef=weights.coef, intercept=weights.intercept)
    return buffer.getvalue()
