"""What every benchmark shares: time, medians, environments for peers, and the table of results."""

import os
import platform
import statistics
import subprocess
import time
import venv
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from modality.taxonomy import Taxonomy
from training.cli import DEFAULT_DATA
from training.dataset import read_folder

BUILD = Path("build") / "peers"
RESULTS = Path(__file__).parent / "RESULTS.md"
SEED = 20261124


def seconds(run: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def quantile(values: Iterable[float], share: float) -> float:
    """Return a quantile."""
    return float(np.quantile(list(values), share))


def median_of_runs(run: Callable[[], float], n: int = 5) -> float:
    """Return the median of several runs of something that measures itself."""
    return statistics.median(run() for _ in range(n))


def natural_texts(n: int) -> list[str]:
    """Return rows of the corpus in random order, each once; what they owe to repeated words is in the results."""
    prompts = [row.prompt for row in read_folder(DEFAULT_DATA, Taxonomy.load())]
    order = np.random.default_rng(SEED).permutation(len(prompts))
    return [prompts[i] for i in order[:n]]


def random_texts(n: int) -> list[str]:
    """Return texts of twenty words of random letters: hardly a word comes twice."""
    generator = np.random.default_rng(SEED)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return [
        " ".join("".join(generator.choice(letters, size)) for size in generator.integers(3, 9, 20)) for _ in range(n)
    ]


def environment(name: str, requirements: Sequence[str]) -> Path:
    """Return the Python of a peer's own environment, made if it is not there."""
    home = (BUILD / name).resolve()
    if not (home / "installed").exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *requirements], check=True)
        (home / "installed").touch()
    return home / "bin" / "python"


def machine(*libraries: str) -> str:
    """Return what the figures were measured on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), processor)
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def write_section(title: str, text: str) -> None:
    """Print a section, and put it in the results in place of the one of that title."""
    print(f"## {title}\n\n{text}\n", flush=True)
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured\n\n`make bench` wrote this.\n"
    head, *sections = old.split("\n## ")
    kept = {section.split("\n", 1)[0]: section for section in sections}
    kept[title] = f"{title}\n\n{text.strip()}\n"
    RESULTS.write_text("\n## ".join([head, *kept.values()]), encoding="utf-8")
