"""CSV in and out: rows per second and peak memory, against pandas with scikit-learn and Arrow alone.

Usage: python -m benchmarks.files
"""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.common import BUILD, environment, machine, natural_texts, table, write_section
from modality.artifact import DEFAULT_MODELS, current_version

SIZES = (2_000_000, 10_000_000)
N_SLOW = 50_000
PANDAS = ("pandas==3.1.1", "pyarrow==26.0.1", "scikit-learn==1.9.1", "joblib==1.6.0", "scipy", "numpy")

ARROW = """
import sys, pyarrow.csv as c
reader = c.open_csv(sys.argv[1], c.ReadOptions(block_size=4 << 20), c.ParseOptions(newlines_in_values=True))
with c.CSVWriter(sys.argv[2], reader.schema) as writer:
    for batch in reader: writer.write_batch(batch)
"""
SLOW = """
import sys, joblib, pandas
model = joblib.load(sys.argv[3])
frame = pandas.read_csv(sys.argv[1], keep_default_na=False)
scores = model.decision_function(frame["text"])
frame["category"], frame["confidence"] = scores[:, :10].argmax(axis=1), scores[:, :10].max(axis=1)
frame.to_csv(sys.argv[2], index=False)
"""


def write_rows(path: Path, n: int) -> None:
    """Write a CSV file of so many rows of the corpus, drawn with repetition, if it is not there."""
    if path.exists():
        return
    texts = natural_texts(10**9)
    generator = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "text", "team"])
        for start in range(0, n, 100_000):
            chosen = generator.integers(0, len(texts), min(100_000, n - start))
            writer.writerows([start + i, texts[k], f"team {i % 7}"] for i, k in enumerate(chosen.tolist()))


def run(*command: object) -> tuple[float, float]:
    """Return how long a command takes, in seconds, and its peak memory, in MB."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return time.perf_counter() - started, peak


def main() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    target = BUILD / "out.csv"
    rows, slow_path = [], BUILD / f"rows-{N_SLOW}.csv"
    write_rows(slow_path, N_SLOW)
    pipeline = DEFAULT_MODELS / current_version(DEFAULT_MODELS) / "pipeline.joblib"
    # Its rate does not depend on the number of rows, its memory does: it holds them all.
    elapsed, peak = run(environment("pandas", PANDAS), "-c", SLOW, slow_path, target, pipeline)
    slow = N_SLOW / elapsed
    for n in SIZES:
        path = BUILD / f"rows-{n}.csv"
        write_rows(path, n)
        commands = {
            "`modality classify`": (sys.executable, "-m", "service", "classify", path, "--output", target),
            "pyarrow, reading and writing alone": (sys.executable, "-c", ARROW, path, target),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(3):  # in turn, so that what else the machine does meets both
            for name, command in commands.items():
                found[name].append(run(*command))
        ours = n / sorted(found["`modality classify`"])[1][0]
        for name, runs in found.items():
            rate, memory = n / sorted(runs)[1][0], max(memory for _, memory in runs)
            rows.append([f"{n:,}", name, f"{rate:,.0f}", f"{ours / rate:,.2f}", f"{memory:,.0f}"])
        rows.append(
            [f"{N_SLOW:,}", "pandas + scikit-learn pipeline", f"{slow:,.0f}", f"{ours / slow:,.0f}", f"{peak:,.0f}"]
        )
    target.unlink()
    write_section(
        "CSV files",
        f"{machine('pyarrow', 'numba')}. Whole commands, starting included; medians of three. Rows of the corpus, "
        "drawn with repetition, so that the memo of chunks is warm; see the random texts above for what that gives.\n\n"
        + table(["rows", "", "rows/s", "classify is so many times faster", "peak MB"], rows),
    )


if __name__ == "__main__":
    main()
