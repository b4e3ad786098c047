"""The service runs where only its own requirements are installed."""

import subprocess
import sys

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("training", "sklearn", "joblib", "scipy"):
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Block())
from starlette.testclient import TestClient
from service.app import create_app
from service.settings import Settings
import service.cli
from pathlib import Path
with TestClient(create_app(Settings(models=Path(sys.argv[1])))) as client:
    answer = client.post("/v1/classify", json={"text": "compose a jingle", "explain": True})
    assert answer.status_code == 200, answer.text
    print(answer.json()["category"])
"""


def test_the_service_answers_without_training_and_scikit_learn(models):
    run = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(models)], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.stdout.strip() == "music", run.stderr
