import hashlib
import json
import shutil

import numpy as np
import pytest

from modality import Classifier
from modality.artifact import current_version, list_versions, read_manifest, set_current
from modality.errors import ArtifactDamagedError, ArtifactFormatError, ArtifactMissingError


@pytest.fixture
def copy(models, tmp_path):
    target = tmp_path / "models"
    shutil.copytree(models, target)
    return target


def change_manifest(models, **changes):
    path = models / current_version(models) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_no_model_says_how_to_make_one(tmp_path):
    with pytest.raises(ArtifactMissingError, match=r"current: there is no trained model; run `make train`"):
        Classifier.load(tmp_path)


def test_a_pointer_to_nothing_is_refused(copy):
    (copy / "current").write_text("20200101-000000\n", encoding="utf-8")
    with pytest.raises(ArtifactMissingError, match=r"names '20200101-000000'; expected one of "):
        Classifier.load(copy)


def test_only_an_existing_version_can_be_made_current(copy):
    with pytest.raises(ArtifactMissingError, match=r"no such version; expected one of "):
        set_current(copy, "nothing")
    set_current(copy, list_versions(copy)[0])
    assert sorted(path.name for path in copy.iterdir()) == sorted([*list_versions(copy), "current"])


def test_altered_weights_are_refused_by_name(copy):
    path = copy / current_version(copy) / "weights.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactDamagedError, match=r"weights\.npz: SHA-256 is [0-9a-f]{64}; the manifest says"):
        Classifier.load(copy)


def test_missing_weights_are_refused_by_name(copy):
    (copy / current_version(copy) / "weights.npz").unlink()
    with pytest.raises(ArtifactMissingError, match=r"weights\.npz: not found; run `make train`"):
        Classifier.load(copy)


def test_a_newer_format_is_refused_with_what_to_do(copy):
    change_manifest(copy, format_version=3)
    with pytest.raises(ArtifactFormatError, match=r"format_version is 3; this program reads 2; upgrade the program"):
        Classifier.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": [1, 2]}, r"confidence is \[1, 2\]; expected 3 finite numbers"),
        ({"thresholds": {}}, r"thresholds\.text is \[None\]; expected 1 finite numbers"),
        ({"version": "x"}, r"version is 'x'; expected"),
        ({"calibration": [[1, 0]]}, r"calibration has 1 rows"),
        ({"choice": [[1, 0]]}, r"choice has 1 rows"),
        ({"extra": 1}, r"unknown keys \['extra'\]"),
        ({"categories": "text"}, r"categories is str"),
    ],
)
def test_a_manifest_that_is_not_one_is_refused_by_key(changes, message, copy):
    change_manifest(copy, **changes)
    with pytest.raises(ArtifactDamagedError, match=message):
        Classifier.load(copy)


def test_a_manifest_that_is_not_json_is_refused(copy):
    (copy / current_version(copy) / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactDamagedError, match=r"manifest\.json: not JSON"):
        Classifier.load(copy)


def test_a_version_that_answers_its_probes_otherwise_is_refused(copy):
    manifest = read_manifest(copy, current_version(copy))
    change_manifest(copy, confidence=[*manifest.confidence[:2], manifest.confidence[2] + 1])
    with pytest.raises(ArtifactDamagedError, match=r"the probe 'write a Midjourney prompt for a castle' gives"):
        Classifier.load(copy)


def test_nothing_is_unpickled(copy):
    folder = copy / current_version(copy)
    (folder / "pipeline.joblib").write_bytes(b"not a pickle")
    assert Classifier.load(copy).classify("compose a jingle").category == "music"


def test_arrays_of_another_shape_are_refused(copy):
    folder = copy / current_version(copy)
    with np.load(folder / "weights.npz") as arrays:
        changed = {**arrays, "idf": arrays["idf"][:-1]}
    np.savez(folder / "weights.npz", **changed)
    change_manifest(copy, files={"weights.npz": hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()})
    with pytest.raises(ArtifactDamagedError, match=r"weights\.npz: idf is float32 \(\d+,\); expected float32"):
        Classifier.load(copy)
