"""Speed of the scorer against the scikit-learn pipeline that it equals; prints medians and their ratio.

Usage: python -m benchmarks.scorer
"""

import platform
import statistics
import time
from collections.abc import Callable

import joblib
import numba
import sklearn

from modality import Classifier
from modality.artifact import DEFAULT_MODELS
from modality.taxonomy import Taxonomy
from training.cli import DEFAULT_DATA
from training.dataset import read_folder

N_ROUNDS = 5
N_SINGLE = 400
N_BATCH = 2000


def seconds(run: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    classifier = Classifier.load()
    version = classifier.manifest.version
    pipeline = joblib.load(DEFAULT_MODELS / version / "pipeline.joblib")
    rows = read_folder(DEFAULT_DATA, Taxonomy.load())
    prompts = [row.prompt for row in rows[:: max(1, len(rows) // N_BATCH)]][:N_BATCH]
    single = prompts[:N_SINGLE]
    classifier.scorer.score(prompts)

    print(f"{platform.machine()}, Python {platform.python_version()}, numba {numba.__version__}, ", end="")
    print(f"scikit-learn {sklearn.__version__}; model {version}; {len(prompts)} rows of the corpus")
    print(f"{'':<34}{'scorer':>12}{'pipeline':>12}{'ratio':>8}")
    one, one_reference, many, many_reference = [], [], [], []
    for _ in range(N_ROUNDS):
        one += [seconds(lambda p=p: classifier.scorer.score([p])) for p in single]
        one_reference += [seconds(lambda p=p: pipeline.decision_function([p])) for p in single[:40]]
        many.append(seconds(lambda: classifier.scorer.score(prompts)) / len(prompts))
        many_reference.append(seconds(lambda: pipeline.decision_function(prompts)) / len(prompts))
    for name, ours, theirs in (
        ("one prompt, median, µs", one, one_reference),
        ("prompts in a batch, median, µs each", many, many_reference),
    ):
        a, b = statistics.median(ours) * 1e6, statistics.median(theirs) * 1e6
        print(f"{name:<34}{a:>12.1f}{b:>12.1f}{b / a:>8.0f}")
    answer = [seconds(lambda p=p: classifier.classify(p)) for p in single for _ in range(N_ROUNDS)]
    print(f"{'classify() with decision, µs':<34}{statistics.median(answer) * 1e6:>12.1f}")


if __name__ == "__main__":
    main()
