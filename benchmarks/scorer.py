"""The scorer in process: one text, many texts, one core and two, against what else there is.

Usage: python -m benchmarks.scorer
"""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import (
    BUILD,
    environment,
    machine,
    median_of_runs,
    natural_texts,
    quantile,
    random_texts,
    seconds,
    table,
    write_section,
)
from modality import Classifier
from modality.artifact import DEFAULT_MODELS, Weights
from modality.ngrams import hash_char_ngram, hash_word_ngram
from modality.scorer import Scorer

N_SINGLE = 1000
N_BATCH = 20_000
N_PIPELINE = 4000
FASTTEXT = ("fasttext-numpy2==0.10.4",)

PEER = """
import json, sys, time, statistics
import fasttext
folder = sys.argv[1]
data = json.load(open(f"{folder}/speed.json"))
clean = lambda text: " ".join(text.lower().split())
with open(f"{folder}/speed.txt", "w") as file:
    for text, label in zip(data["train"], data["labels"]):
        file.write(f"__label__{label} {clean(text)}\\n")
model = fasttext.train_supervised(f"{folder}/speed.txt", epoch=3, minn=2, maxn=5, dim=100, thread=2, verbose=0)
def seconds(run):
    started = time.perf_counter(); run(); return time.perf_counter() - started
answers = {}
for kind in ("natural", "random"):
    texts = [clean(t) for t in data[kind]]
    predict = model.f.predict
    def run():
        for t in texts: predict(t, 10, 0.0, "strict")
    answers[kind] = statistics.median(len(texts) / seconds(run) for _ in range(5))
    answers[kind + "_single"] = statistics.median(
        seconds(lambda: predict(t, 10, 0.0, "strict")) for t in texts[:1000] for _ in range(3))
json.dump(answers, open(f"{folder}/speed-answer.json", "w"))
"""


def stacked(pipeline: Any) -> Callable[[Sequence[str]], NDArray[np.floating]]:
    """Return the pipeline with all labels' coefficients in one matrix."""
    features = pipeline.named_steps["features"]
    estimators = pipeline.named_steps["labels"].estimators_
    coef = np.vstack([estimator.coef_ for estimator in estimators]).T.astype(np.float32)
    intercept = np.concatenate([estimator.intercept_ for estimator in estimators])
    return lambda texts: features.transform(texts) @ coef + intercept


def buffers(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return texts as they come from a file."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(item) for item in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def on_threads(scorer: Scorer, texts: Sequence[str], n_threads: int) -> float:
    """Return texts per second on so many threads."""
    parts = [buffers(texts[k::n_threads]) for k in range(n_threads)]
    ready = threading.Barrier(n_threads + 1)

    def work(part: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
        scorer.score_buffer(*part)  # this thread's memo
        ready.wait()
        scorer.score_buffer(*part)
        ready.wait()

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    ready.wait()
    elapsed = seconds(ready.wait)
    for thread in threads:
        thread.join()
    return len(texts) / elapsed


def fasttext(classifier: Classifier, natural: Sequence[str], random: Sequence[str]) -> dict[str, float]:
    """Return fastText's texts per second and median time, with n-grams of the same lengths."""
    python = environment("fasttext", FASTTEXT)
    decisions = classifier.decide(natural)
    labels = [classifier.decider.categories[k] for k in decisions.main]
    data = {"train": list(natural), "labels": labels, "natural": list(natural), "random": list(random)}
    (BUILD / "speed.json").write_text(json.dumps(data))
    subprocess.run([python, "-W", "ignore", "-c", PEER, str(BUILD)], check=True)
    answer: dict[str, float] = json.loads((BUILD / "speed-answer.json").read_text())
    return answer


def scorer_of_size(classifier: Classifier, n_features: int, texts: Sequence[str]) -> Scorer:
    """Return a scorer with a vocabulary of so many n-grams that occur in texts."""
    hashes = list(
        dict.fromkeys(
            [hash_word_ngram(word) for text in texts for word in text.lower().split() if word.isalnum()]
            + [
                hash_char_ngram(text[i : i + n])
                for text in texts
                for n in (2, 3, 4, 5, 6)
                for i in range(len(text) - n)
            ]
        )
    )
    vocabulary = np.unique(np.array(hashes, np.uint64))
    vocabulary = np.random.default_rng(0).permutation(vocabulary)[:n_features]
    assert len(vocabulary) == n_features, f"{len(vocabulary)} n-grams; expected {n_features}"
    n_labels = len(classifier.manifest.calibration)
    generator = np.random.default_rng(0)
    weights = Weights(
        vocabulary,
        generator.uniform(1, 10, n_features).astype(np.float32),
        generator.normal(size=(n_features, n_labels)).astype(np.float32),
        np.zeros(n_labels, np.float32),
    )
    return Scorer(weights, classifier.manifest)


def main() -> None:
    classifier = Classifier.load()
    scorer = classifier.scorer
    pipeline = joblib.load(DEFAULT_MODELS / classifier.manifest.version / "pipeline.joblib")
    natural, random = natural_texts(N_BATCH), random_texts(N_BATCH // 4)
    scorer.score(natural)
    with_one_matrix = stacked(pipeline)
    peer = fasttext(classifier, natural, random)

    single: dict[str, list[float]] = {"scorer": [], "pipeline": [], "stacked": [], "classify": []}
    for k, text in enumerate(natural[:N_SINGLE]):
        single["scorer"] += [seconds(lambda t=text: scorer.score_one(t)) for _ in range(3)]
        single["classify"] += [seconds(lambda t=text: classifier.classify(t)) for _ in range(3)]
        if k % 5 == 0:
            single["pipeline"].append(seconds(lambda t=text: pipeline.decision_function([t])))
            single["stacked"].append(seconds(lambda t=text: with_one_matrix([t])))
    base = quantile(single["scorer"], 0.5)
    names = {
        "scorer": "scorer",
        "classify": "`Classifier.classify`, the whole answer",
        "stacked": "scikit-learn, coefficients stacked",
        "pipeline": "scikit-learn pipeline",
    }
    rows = [
        [
            names[key],
            f"{quantile(single[key], 0.5) * 1e6:,.1f}",
            f"{quantile(single[key], 0.99) * 1e6:,.1f}",
            f"{quantile(single[key], 0.5) / base:,.1f}",
        ]
        for key in names
    ]
    rows.insert(2, ["fastText", f"{peer['natural_single'] * 1e6:,.1f}", "", f"{peer['natural_single'] / base:,.1f}"])
    one_text = table(["one text", "median µs", "99% under, µs", "times the scorer"], rows)

    def rate(texts: Sequence[str], score: Callable[[Sequence[str]], object]) -> float:
        return median_of_runs(lambda: len(texts) / seconds(lambda: score(texts)))

    def from_file(texts: Sequence[str]) -> float:
        part = buffers(texts)
        return median_of_runs(lambda: len(texts) / seconds(lambda: scorer.score_buffer(*part)))

    many = []
    for kind, texts in (("natural", natural), ("random", random)):
        ours, two = from_file(texts), median_of_runs(lambda t=texts: on_threads(scorer, t, 2))
        strings = rate(texts, scorer.score)
        slow = rate(texts[: N_PIPELINE // 2], pipeline.decision_function)
        one_matrix = rate(texts[:N_PIPELINE], with_one_matrix)
        for name, value in (
            ("scorer, from a buffer", ours),
            ("scorer, from Python strings", strings),
            ("scorer, from a buffer, two threads", two),
            ("fastText", peer[kind]),
            ("scikit-learn, coefficients stacked", one_matrix),
            ("scikit-learn pipeline", slow),
        ):
            many.append([kind, name, f"{value:,.0f}", f"{ours / value:,.2f}"])
    many_texts = table(["text", "", "texts/s", "scorer is so many times faster"], many)

    words = " ".join(natural).split()
    lengths = []
    for n in (5, 50, 500, 5000):
        texts = [" ".join(words[i * 97 : i * 97 + n]) for i in range(200)]
        part = buffers(texts)
        time = median_of_runs(lambda p=part: seconds(lambda: scorer.score_buffer(*p)) / 200)
        lengths.append([f"{n:,}", f"{time * 1e6:,.1f}", f"{time * 1e9 / n:,.0f}"])
    sizes = []
    for n in (20_000, 100_000, 500_000):
        sized = scorer_of_size(classifier, n, natural[:12_000])
        part = buffers(natural)
        time = median_of_runs(lambda s=sized, p=part: seconds(lambda: s.score_buffer(*p)) / len(natural))
        sizes.append([f"{n:,}", f"{time * 1e6:,.2f}"])
    uniques = len(set(words))
    write_section(
        "In process",
        f"{machine('numpy', 'numba', 'scikit-learn')}. Model {classifier.manifest.version}, "
        f"{len(classifier.manifest.calibration)} labels. Natural text is {N_BATCH:,} rows of the corpus, each once, in "
        f"random order; random text is {N_BATCH // 4:,} times twenty words of random letters. Medians of five runs.\n\n"
        f"{one_text}\n\n{many_texts}\n\n"
        f"The scorer remembers chunks of text. The natural rows have {len(words):,} words, {uniques:,} different ones, "
        "and the memo is warm from an earlier pass over them; the random text shows what is left without that.\n\n"
        f"{table(['words in a text', 'µs a text', 'ns a word'], lengths)}\n\n"
        f"{table(['n-grams in the vocabulary', 'µs a text'], sizes)}",
    )


if __name__ == "__main__":
    main()
