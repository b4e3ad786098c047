"""One small real artifact for the whole session, trained on every eighth row of the corpus."""

from pathlib import Path

import joblib
import pytest
from starlette.testclient import TestClient

from modality import Classifier
from modality.taxonomy import Taxonomy
from service.app import create_app
from service.settings import Settings
from training.dataset import read_folder
from training.pipeline import Config
from training.train import train

CORPUS = Path(__file__).parent.parent / "data" / "labelled"
SMALL = Config(n_folds=2)


@pytest.fixture(scope="session")
def taxonomy():
    return Taxonomy.load()


@pytest.fixture(scope="session")
def rows(taxonomy):
    every = read_folder(CORPUS, taxonomy)
    # Models as an input are rare: all of them, so that the label can be learnt.
    return [row for i, row in enumerate(every) if i % 8 == 0 or "3d" in row.labels.inputs]


@pytest.fixture(scope="session")
def models(rows, taxonomy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    train(rows, taxonomy, folder, SMALL, progress=False)
    return folder


@pytest.fixture(scope="session")
def classifier(models):
    return Classifier.load(models)


@pytest.fixture(scope="session")
def pipeline(models, classifier):
    return joblib.load(models / classifier.manifest.version / "pipeline.joblib")


@pytest.fixture(scope="session")
def client(models):
    with TestClient(create_app(Settings(models=models))) as client:
        yield client
