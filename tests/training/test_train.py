import csv
import json

import numpy as np
import pytest

from modality import Classifier
from modality.artifact import current_version, list_versions, read_manifest
from modality.errors import DataError
from tests.conftest import SMALL
from training.checks import check_rows
from training.dataset import data_digest
from training.evaluation import evaluate
from training.retrain import load_corpus, retrain
from training.train import train


def weights(models):
    return (models / current_version(models) / "weights.npz").read_bytes()


def test_training_twice_gives_the_same_bytes(rows, taxonomy, models, tmp_path):
    version, _ = train(rows, taxonomy, tmp_path, SMALL, progress=False)
    assert weights(tmp_path) == weights(models)
    assert version == current_version(models)


def test_the_manifest_tells_what_the_version_was_made_of(rows, models):
    manifest = read_manifest(models, current_version(models))
    assert manifest.data["sha256"] == data_digest(rows)
    assert manifest.data["n_rows"] == len(rows)
    assert manifest.seed == SMALL.seed
    assert set(manifest.libraries) == {"python", "scikit-learn", "numpy", "scipy"}
    assert set(manifest.files) == {"weights.npz", "pipeline.joblib", "metrics.json", "suspects.csv"}
    assert manifest.probes[0]["text"] == "write a Midjourney prompt for a castle"
    metrics = json.loads((models / manifest.version / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["overall"]["accuracy"] == pytest.approx(manifest.metrics["accuracy"])


def test_out_of_fold_metrics_are_not_those_of_rows_it_has_seen(rows, models, classifier):
    held_out = read_manifest(models, current_version(models)).metrics["accuracy"]
    assert held_out < evaluate(classifier, rows).overall["accuracy"] - 0.1


def test_a_label_with_too_few_rows_is_refused_by_name(rows, taxonomy, tmp_path):
    without = [row for row in rows if "music" not in row.labels.needs]
    with pytest.raises(DataError, match=r"label 'music' has 0 rows in 0 files; expected 20 or more in two files"):
        train(without, taxonomy, tmp_path, SMALL, progress=False)
    with pytest.raises(DataError, match=r"the rows come from 1 files; expected 2 or more"):
        train([row for row in rows if row.file == rows[0].file], taxonomy, tmp_path, SMALL, progress=False)
    assert list_versions(tmp_path) == []


def test_a_training_that_fails_leaves_nothing_behind(rows, taxonomy, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("killed")

    monkeypatch.setattr("training.train.joblib.dump", fail)
    with pytest.raises(RuntimeError, match="killed"):
        train(rows, taxonomy, tmp_path, SMALL, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def corpus(rows, tmp_path):
    folder = tmp_path / "labelled"
    folder.mkdir()
    # An eighth of a corpus has its openings in other proportions; what the checks refuse is left out.
    refused = {line.split(": ")[0] for line in check_rows(rows)}
    by_file = {}
    for row in rows:
        if f"{row.file}:{row.line}" in refused:
            continue
        by_file.setdefault(row.file, []).append(row)
    for name, members in by_file.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["text", "needs", "inputs"])
            writer.writerows([r.prompt, "+".join(r.labels.needs) or "none", "+".join(r.labels.inputs)] for r in members)
    return folder


def new_rows(path, n=50):
    subjects = "kite boat mill lamp fern drum coat desk ring vase".split()
    places = "Bern Oslo Lima Cork Bari".split()
    lines = [f"{s} zorbify{i} in {p},music," for i, s in enumerate(subjects) for p in places]
    path.write_text("text,needs,inputs\n" + "\n".join(lines[:n]) + "\n", encoding="utf-8")
    return path


def test_new_rows_change_the_model_and_join_the_corpus(corpus, taxonomy, tmp_path):
    models = tmp_path / "models"
    train(load_corpus(corpus, taxonomy), taxonomy, models, SMALL, progress=False)
    before = Classifier.load(models)
    version, _ = retrain(new_rows(tmp_path / "new.csv"), corpus, taxonomy, models, SMALL, progress=False)
    after = Classifier.load(models)
    assert after.manifest.version == version != before.manifest.version
    assert after.manifest.data["n_rows"] == before.manifest.data["n_rows"] + 50
    assert after.classify("zorbify3").scores["music"] > before.classify("zorbify3").scores["music"]
    assert (corpus / "new.csv").read_bytes() == (tmp_path / "new.csv").read_bytes()
    assert list_versions(models) == [before.manifest.version, version]
    with pytest.raises(DataError, match=r"new\.csv exists; rename the new file, or run `make train`"):
        retrain(tmp_path / "new.csv", corpus, taxonomy, models, SMALL, progress=False)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("new.txt", "text,needs,inputs\na,text,\n", r"expected a file whose name ends in \.csv"),
        ("new.csv", "text,needs,inputs\n", r"no rows; expected labelled rows"),
        ("new.csv", "text,needs,inputs\nzorb one,text,\nzorb one,code,\n", r"new\.csv:3: labelled 'code'"),
    ],
)
def test_refused_rows_change_nothing(name, text, message, corpus, taxonomy, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    before = sorted(path.name for path in corpus.iterdir())
    with pytest.raises(DataError, match=message):
        retrain(tmp_path / name, corpus, taxonomy, tmp_path / "models", SMALL, progress=False)
    assert sorted(path.name for path in corpus.iterdir()) == before
    assert not (tmp_path / "models").exists()


def test_a_corpus_that_fails_its_checks_is_refused(corpus, taxonomy):
    (corpus / "bad.csv").write_text("text,needs,inputs\na b,imagee,\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.csv:2: needs: 'imagee' is not a label"):
        load_corpus(corpus, taxonomy)


def test_weights_are_arrays_alone(models):
    with np.load(models / current_version(models) / "weights.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["coef", "idf", "intercept", "vocabulary"]
        assert arrays["coef"].dtype == np.float32
