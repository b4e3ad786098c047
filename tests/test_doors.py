"""Doors give identical answers."""

import csv
import json

from click.testing import CliRunner

from service.cli import main

TEXTS = [
    "logo and a jingle for my bakery",
    "what is in this photo?",
    'fix this "regex",\nplease',
    "ΑΣ İstanbul 🙂 naïve",
    "asdf",
    "how did EUR/USD close yesterday",
]


def columns(prediction):
    return [
        prediction["category"],
        f"{prediction['confidence']:.6f}",
        "+".join(need["category"] for need in prediction["needs"]),
        "+".join(item["input"] for item in prediction["inputs"]),
        str(prediction["decided"]).lower(),
    ]


def test_library_http_and_files_give_identical_answers(classifier, client, models, tmp_path):
    library = [json.loads(json.dumps(classifier.classify(text).as_dict())) for text in TEXTS]
    assert [client.post("/v1/classify", json={"text": text}).json() for text in TEXTS] == library
    assert client.post("/v1/classify/batch", json={"texts": TEXTS}).json()["predictions"] == library

    expected = [columns(prediction) for prediction in library]
    runner = CliRunner(env={"MODALITY_MODELS": str(models)})
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in TEXTS)])
    assert runner.invoke(main, ["classify", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv")]).exit_code == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [row[1:] for row in csv.reader(file)][1:] == expected

    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    assert (
        runner.invoke(main, ["classify", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl")]).exit_code == 0
    )
    for line, want in zip((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines(), expected, strict=True):
        found = json.loads(line)
        assert [
            found["category"],
            f"{found['confidence']:.6f}",
            found["predicted_needs"],
            found["predicted_inputs"],
            str(found["decided"]).lower(),
        ] == want
