"""From the start of a process to its first answer, with numba's cache and without.

Usage: python -m benchmarks.start
"""

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.common import machine, seconds, table, write_section

FIRST = "from modality import Classifier; Classifier.load().classify('compose a jingle')"
PIPELINE = (
    "import joblib, sys; from modality.artifact import DEFAULT_MODELS as m, current_version as v; "
    "joblib.load(m / v(m) / 'pipeline.joblib').decision_function(['compose a jingle'])"
)


def main() -> None:
    def start(code: str, cache: str | None) -> float:
        environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment))

    with tempfile.TemporaryDirectory() as cache:
        start(FIRST, cache)
        warm = statistics.median(start(FIRST, cache) for _ in range(5))

    def without_cache() -> float:
        with tempfile.TemporaryDirectory() as empty:
            return start(FIRST, empty)

    cold = statistics.median(without_cache() for _ in range(3))
    pipeline = statistics.median(start(PIPELINE, None) for _ in range(3))
    rows = [["library, numba's cache warm", f"{warm:.2f}"], ["library, no cache", f"{cold:.2f}"]]
    rows.append(["scikit-learn pipeline", f"{pipeline:.2f}"])
    write_section(
        "Start",
        f"{machine('numba', 'scikit-learn')}. Seconds from the start of a process to its end after one answer, "
        f"digests and probes of the model checked; medians.\n\n{table(['', 's'], rows)}",
    )


if __name__ == "__main__":
    main()
