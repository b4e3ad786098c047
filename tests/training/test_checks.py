import pytest

from training.checks import check_folder
from training.similarity import closest, similar_pairs, words_of


def check(taxonomy, tmp_path, rows, test_rows=None):
    (tmp_path / "a.csv").write_text("text,needs,inputs\n" + "\n".join(rows) + "\n", encoding="utf-8")
    tests = []
    if test_rows is not None:
        tests = [tmp_path / "tests" / "dev.csv"]
        tests[0].parent.mkdir()
        tests[0].write_text("text,needs,inputs\n" + "\n".join(test_rows) + "\n", encoding="utf-8")
        (tmp_path / "corpus").mkdir()
        (tmp_path / "a.csv").rename(tmp_path / "corpus" / "a.csv")
        return check_folder(tmp_path / "corpus", taxonomy, tests)
    return check_folder(tmp_path, taxonomy, tests)


def test_good_rows_pass(taxonomy, tmp_path):
    rows, problems = check(
        taxonomy, tmp_path, ["write a poem,text,", "a castle at dusk,image,", "???,none,", "...,none,"]
    )
    assert len(rows) == 4
    assert problems == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a castle,image,", "A castle!,image,"], "a.csv:3: repeats a.csv:2: 'A castle!'; expected each text once"),
        (
            ["a castle,image,", "a castle,video,image"],
            "a.csv:3: labelled 'video' with inputs 'image', but a.csv:2 has 'image' with inputs '' for the same text",
        ),
        (
            [
                "please draw a small red house by the sea,image,",
                "please draw a small red house by the river sea,image,",
            ],
            "a.csv:3: 0.90 of its words are those of a.csv:2",
        ),
        (["a,imagee,", "b,text,"], "a.csv:2: needs: 'imagee' is not a label"),
        (
            [f"draw me a {what},image," for what in "cat dog hat pig cow elk bee ant fox owl hen".split()],
            "a.csv:12: opens with 'draw me a' as 10 rows of image before it do; expected no more than 1% of a category",
        ),
    ],
)
def test_a_fault_is_refused_by_file_and_line(rows, message, taxonomy, tmp_path):
    _, problems = check(taxonomy, tmp_path, rows)
    assert len(problems) == 1
    assert message in problems[0]


def test_nearly_alike_rows_with_other_labels_are_welcome(taxonomy, tmp_path):
    rows = ["please draw a small red house by the sea,image,", "please describe a small red house by the sea,text,"]
    assert check(taxonomy, tmp_path, rows)[1] == []


@pytest.mark.parametrize(
    ("row", "leaks"),
    [
        ("so one two three four five six seven eight then more,text,", True),
        ("so one two three four five six seven nine then more,text,", False),
        ("Make it snow!,image,", True),
        ("Make it snow now,image,", False),
    ],
)
def test_rows_that_repeat_a_test_set_are_refused(row, leaks, taxonomy, tmp_path):
    tests = ["one two three four five six seven eight,text,", "make it snow,image,", "hi,text,"]
    _, problems = check(taxonomy, tmp_path, [row, "hi,text,"], tests)
    assert sum("shares its words with dev.csv:" in problem for problem in problems) == leaks


@pytest.mark.parametrize(
    ("row", "leaks"),
    [
        ("which trees have purple leaves shaped like stars,search,", True),
        ("who planted the purple trees along the old canal road,search,", False),
    ],
)
def test_paraphrases_of_a_test_row_are_refused(row, leaks, taxonomy, tmp_path):
    tests = ["what kind of trees have star shaped purple leaves,search,", "hi,text,"]
    _, problems = check(taxonomy, tmp_path, [row, "compose a slow waltz,music,"], tests)
    assert [("a test row" in problem and "dev.csv:2" in problem) for problem in problems] == [True] * leaks


def test_the_closest_text_is_found_and_none_where_there_is_none():
    others = ["paint a red boat", "sing about the sea"]
    assert [(i, j) for i, j, _ in closest(["a boat painted red", "fix my regex"], others, 0.3)] == [(0, 0)]
    assert list(closest([], others, 0.3)) == list(closest(["a"], [], 0.3)) == []


def test_similar_pairs_are_found_at_the_threshold_and_not_below():
    texts = ["a b c d e f g h", "a b c d e f g h i j", "a b c d e f x y z w", "q r"]
    # {a..h} and {a..j} share 8 of 10 words.
    assert list(similar_pairs(texts, 0.8, 2)) == [(0, 1, 0.8)]
    assert list(similar_pairs(texts, 0.81, 2)) == []


def test_similar_pairs_are_all_that_comparing_every_pair_finds(rows):
    texts = [row.prompt for row in rows[:600]]
    sets = [set(words_of(text)) for text in texts]
    expected = {
        (i, j)
        for j in range(len(sets))
        for i in range(j)
        if min(len(sets[i]), len(sets[j])) >= 4 and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.5
    }
    assert {(i, j) for i, j, _ in similar_pairs(texts, 0.5, 4)} == expected
