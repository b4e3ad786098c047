"""The trained artifact: how it is written, named, found, read and refused.

``models/<version>/`` holds ``manifest.json``, ``weights.npz`` and files that only training and people
read; ``models/current`` holds the name of the version in use. What this module does not do: it never
unpickles, and never changes a version that was written.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from modality.errors import ArtifactDamagedError, ArtifactFormatError, ArtifactMissingError
from modality.taxonomy import label_keys

__all__ = [
    "DEFAULT_MODELS",
    "FORMAT_VERSION",
    "Manifest",
    "Weights",
    "current_version",
    "list_versions",
    "read_manifest",
    "read_weights",
    "set_current",
    "write_artifact",
]

FORMAT_VERSION = 2
DEFAULT_MODELS = Path(__file__).resolve().parent.parent / "models"
MANIFEST, WEIGHTS, POINTER = "manifest.json", "weights.npz", "current"
MEND = "run `make train`, or point at another version with `modality models`"


@dataclass(frozen=True)
class Weights:
    """The arrays of a linear model over n-grams.

    Attributes
    ----------
    vocabulary
        uint64, shape (n_features,): hashes of the word n-grams, then of the character n-grams.
    idf
        float32, shape (n_features,).
    coef
        float32, shape (n_features, n_labels).
    intercept
        float32, shape (n_labels,).
    """

    vocabulary: NDArray[np.uint64]
    idf: NDArray[np.float32]
    coef: NDArray[np.float32]
    intercept: NDArray[np.float32]


@dataclass(frozen=True)
class Manifest:
    """What a version is, and how its scores become decisions.

    Attributes
    ----------
    format_version
        Of the artifact; this program reads ``FORMAT_VERSION`` alone.
    version
        Name of the folder: date of training and the first digits of the weights' SHA-256.
    categories, inputs
        In the order of the labels in ``weights.npz``: categories, ``none``, ``several``, then inputs.
    n_word_features
        How many of the features, counted from the first, are word n-grams.
    ngrams
        Longest word n-gram, shortest and longest character n-gram.
    calibration
        For each label, slope and intercept that turn its decision value into calibrated log-odds.
    choice
        For each category and for ``none``, weights of all labels' log-odds, and a bias: of these scores the
        softmax is the probability of being the main one.
    confidence
        Weights of the main category's log-odds among all, and of its own log-odds, and a bias, that give the
        log-odds of its being right.
    thresholds
        Label, as :func:`modality.taxonomy.label_keys` names it, to the lowest probability that counts.
    abstain_below
        Lowest confidence at which a prediction counts as decided.
    files
        Name to SHA-256, for every file of the artifact but the manifest.
    data
        Digest and row counts of the training data.
    seed
        Of everything random in training.
    libraries
        Versions of Python and of the libraries that trained it.
    metrics
        Headline metrics on out-of-fold predictions.
    probes
        Prompts with the category and confidence that the version must give.
    """

    format_version: int
    version: str
    categories: list[str]
    inputs: list[str]
    n_word_features: int
    ngrams: list[int]
    calibration: list[list[float]]
    choice: list[list[float]]
    confidence: list[float]
    thresholds: dict[str, float]
    abstain_below: float
    files: dict[str, str]
    data: dict[str, Any]
    seed: int
    libraries: dict[str, str]
    metrics: dict[str, float]
    probes: list[dict[str, Any]]


def write_artifact(models: Path, manifest: Manifest, folder: Path) -> Path:
    """Seal a finished folder as ``models/<version>``: manifest added, synced, renamed into place.

    Parameters
    ----------
    models
        Folder of all versions; made if absent.
    manifest
        Its ``files`` are filled in from the folder.
    folder
        Holds every other file, on the same file system as ``models``; it is moved.

    Returns
    -------
    Path
        The version's folder. A version of the same name is left as it is: names carry the digest of the weights.
    """
    models.mkdir(parents=True, exist_ok=True)
    target = models / manifest.version
    if target.exists():
        shutil.rmtree(folder)
        return target
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    content = json.dumps({**asdict(manifest), "files": files}, indent=1, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(content, encoding="utf-8")
    for path in [*folder.iterdir(), folder]:
        _sync(path)
    os.replace(folder, target)
    _sync(models)
    return target


def set_current(models: Path, version: str) -> None:
    """Make a version the one in use, atomically.

    Raises
    ------
    ArtifactMissingError
        If there is no such version.
    """
    if not (models / version / MANIFEST).is_file():
        raise ArtifactMissingError(f"{models / version}: no such version; expected one of {_names(models)}")
    descriptor, name = tempfile.mkstemp(dir=models, prefix=".current-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(version + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, models / POINTER)
    _sync(models)


def current_version(models: Path) -> str:
    """Return the name of the version in use.

    Raises
    ------
    ArtifactMissingError
        If none has been trained, or the pointer names one that is not there.
    """
    try:
        version = (models / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ArtifactMissingError(f"{models / POINTER}: there is no trained model; run `make train`") from None
    except UnicodeDecodeError:
        raise ArtifactDamagedError(f"{models / POINTER}: not a version's name; {MEND}") from None
    if version not in list_versions(models):
        raise ArtifactMissingError(f"{models / POINTER}: names {version!r}; expected one of {_names(models)}; {MEND}")
    return version


def list_versions(models: Path) -> list[str]:
    """Return the names of all versions, oldest first."""
    found = models.glob(f"*/{MANIFEST}") if models.is_dir() else ()
    dated = ((path.stat().st_mtime_ns, path.parent.name) for path in found)
    return [name for _, name in sorted(dated) if not name.startswith(".")]


def read_manifest(models: Path, version: str) -> Manifest:
    """Read a version's manifest.

    Raises
    ------
    ArtifactMissingError
        If there is no such version.
    ArtifactDamagedError
        If the manifest is not JSON, or a key is absent or of the wrong kind.
    ArtifactFormatError
        If it was written for another format.
    """
    path = models / version / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactMissingError(f"{path}: not found; expected one of {_names(models)}; {MEND}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactDamagedError(f"{path}: not JSON ({error}); {MEND}") from error
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise ArtifactDamagedError(f"{path}: no format_version; expected {FORMAT_VERSION}; {MEND}")
    if raw["format_version"] != FORMAT_VERSION:
        raise ArtifactFormatError(
            f"{path}: format_version is {raw['format_version']!r}; this program reads {FORMAT_VERSION}; "
            "upgrade the program, or train again with `make train`"
        )
    _check_manifest(path, raw)
    return Manifest(**raw)


def read_weights(models: Path, manifest: Manifest) -> Weights:
    """Read a version's arrays after checking the digest of their file.

    Raises
    ------
    ArtifactMissingError
        If the file is absent.
    ArtifactDamagedError
        If it differs from the digest in the manifest, or an array has not the expected shape and type.
    """
    path = models / manifest.version / WEIGHTS
    if not path.is_file():
        raise ArtifactMissingError(f"{path}: not found; {MEND}")
    found, expected = _sha256(path), manifest.files.get(WEIGHTS)
    if found != expected:
        raise ArtifactDamagedError(f"{path}: SHA-256 is {found}; the manifest says {expected}; {MEND}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            weights = Weights(**{name: arrays[name] for name in ("vocabulary", "idf", "coef", "intercept")})
    except (BadZipFile, KeyError, ValueError) as error:
        raise ArtifactDamagedError(f"{path}: not the arrays of a model ({error}); {MEND}") from error
    n_features, n_labels = len(weights.vocabulary), len(label_keys(manifest.categories, manifest.inputs))
    for name, shape, dtype in (
        ("vocabulary", (n_features,), "uint64"),
        ("idf", (n_features,), "float32"),
        ("coef", (n_features, n_labels), "float32"),
        ("intercept", (n_labels,), "float32"),
    ):
        array = getattr(weights, name)
        if array.shape != shape or array.dtype != dtype:
            raise ArtifactDamagedError(
                f"{path}: {name} is {array.dtype} {array.shape}; expected {dtype} {shape}; {MEND}"
            )
    return weights


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "format_version": int,
    "version": str,
    "categories": list,
    "inputs": list,
    "n_word_features": int,
    "ngrams": list,
    "calibration": list,
    "choice": list,
    "confidence": list,
    "thresholds": dict,
    "abstain_below": (int, float),
    "files": dict,
    "data": dict,
    "seed": int,
    "libraries": dict,
    "metrics": dict,
    "probes": list,
}


def _check_manifest(path: Path, raw: Mapping[str, Any]) -> None:
    """Refuse a manifest whose keys or lengths are not those of the format."""
    if set(raw) != set(_KINDS):
        missing, unknown = sorted(set(_KINDS) - set(raw)), sorted(set(raw) - set(_KINDS))
        raise ArtifactDamagedError(f"{path}: missing keys {missing}, unknown keys {unknown}; {MEND}")
    for key, kind in _KINDS.items():
        if not isinstance(raw[key], kind):
            raise ArtifactDamagedError(f"{path}: {key} is {type(raw[key]).__name__}; expected {kind}; {MEND}")
    if raw["version"] != path.parent.name:
        raise ArtifactDamagedError(f"{path}: version is {raw['version']!r}; expected {path.parent.name!r}; {MEND}")
    names = [*raw["categories"], *raw["inputs"]]
    if not raw["categories"] or not all(isinstance(name, str) for name in names):
        raise ArtifactDamagedError(f"{path}: categories and inputs are not lists of names; {MEND}")
    _check_numbers(path, "ngrams", raw["ngrams"], 3)
    _check_numbers(path, "confidence", raw["confidence"], 3)
    keys = label_keys(raw["categories"], raw["inputs"])
    for key, n_rows, n_columns in (
        ("calibration", len(keys), 2),
        ("choice", len(raw["categories"]) + 1, len(keys) + 1),
    ):
        if len(raw[key]) != n_rows:
            raise ArtifactDamagedError(f"{path}: {key} has {len(raw[key])} rows; expected {n_rows}; {MEND}")
        for row in raw[key]:
            _check_numbers(path, key, row, n_columns)
    for key in keys:
        _check_numbers(path, f"thresholds.{key}", [raw["thresholds"].get(key)], 1)


def _check_numbers(path: Path, key: str, values: Any, n: int) -> None:
    """Refuse anything but a list of n finite numbers."""
    good = isinstance(values, list) and len(values) == n
    if not good or not all(isinstance(value, int | float) and np.isfinite(value) for value in values):
        raise ArtifactDamagedError(f"{path}: {key} is {values!r}; expected {n} finite numbers; {MEND}")


def _names(models: Path) -> str:
    """Return the versions that there are, for a message."""
    return ", ".join(list_versions(models)) or "none trained yet (run `make train`)"


def _sha256(path: Path) -> str:
    """Return the hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
