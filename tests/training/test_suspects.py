import csv

import numpy as np

from modality.decision import Decisions
from modality.labels import Labels
from training.dataset import Row
from training.suspects import find_suspects, write_suspects


def test_rows_that_are_wrong_with_confidence_are_written_surest_first(tmp_path):
    rows = [
        Row("right", Labels(("text",), ()), "a.csv", 2),
        Row("wrong", Labels(("text",), ("image",)), "a.csv", 3),
        Row("unsure", Labels(("text",), ()), "a.csv", 4),
        Row("other reading", Labels(("text",), ()), "a.csv", 5, (("code",),)),
        Row("???", Labels((), ()), "b.csv", 2),
    ]
    confidence = np.array([0.99, 0.9, 0.7, 0.99, 0.95], np.float32)
    empty = np.zeros((5, 2), np.float32)
    main = np.array([0, 1, 1, 1, 0])
    decisions = Decisions(empty, main, confidence, empty.astype(bool), np.zeros(5, bool))
    found = find_suspects(rows, decisions, ["text", "code"])
    assert [(s.row.prompt, s.predicted) for s in found] == [("???", "text"), ("wrong", "code")]
    write_suspects(tmp_path / "s.csv", found)
    with (tmp_path / "s.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["b.csv", "2", "???", "none", "", "text", "0.950"],
            ["a.csv", "3", "wrong", "text", "image", "code", "0.900"],
        ]
