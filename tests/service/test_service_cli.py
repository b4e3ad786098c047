import subprocess
import sys

import pytest
from click.testing import CliRunner

from modality.artifact import current_version
from service.cli import main


@pytest.fixture
def run(models):
    def invoke(*arguments, stdin=None):
        return CliRunner(env={"MODALITY_MODELS": str(models)}).invoke(main, list(arguments), input=stdin)

    return invoke


def test_every_command_says_what_it_does_with_an_example(run):
    assert "Examples:" in run("--help").output
    for name in main.commands:
        lines = run(name, "--help").output.splitlines()
        assert any(line.startswith(("    modality ", "    cat ")) for line in lines), name
        assert not any("\\b" in line for line in lines), name


def test_classify_reads_and_writes_the_standard_streams(run):
    result = run("classify", "-", stdin="text\ncompose a jingle\n")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "text,category,confidence,predicted_needs,predicted_inputs,decided\ncompose a jingle,music,"
    )
    assert result.stderr.startswith("1 rows in ")


def test_the_summary_counts_blank_and_long_rows(run, tmp_path):
    (tmp_path / "in.csv").write_text("text,n\n ,1\n" + "a cat " * 10_000 + ",2\n", encoding="utf-8")
    result = run("classify", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv"))
    assert "1 blank, left without a prediction" in result.stderr
    assert "1 longer than is read, classified on beginning and end" in result.stderr


def test_a_bad_file_is_one_line_and_an_exit_code(run, tmp_path):
    result = run("classify", str(tmp_path / "none.csv"))
    assert result.exit_code == 65
    assert (
        result.stderr == f"error: {tmp_path / 'none.csv'}: No such file or directory; expected a file of descriptions\n"
    )
    assert result.stdout == ""


def test_explain_shows_needs_words_and_ngrams(run):
    output = run("explain", "compose a jingle").output
    assert output.startswith("category    music")
    assert "why music: " in output
    assert "jingle" in output


def test_models_marks_the_current_version(run, models):
    output = run("models").output
    assert output.startswith(f"* {current_version(models)}")
    assert "accuracy" in output


def test_no_model_is_one_line_that_says_how_to_mend_it(tmp_path):
    result = CliRunner(env={"MODALITY_MODELS": str(tmp_path)}).invoke(main, ["explain", "a cat"])
    assert result.exit_code == 69
    assert result.stderr == f"error: {tmp_path / 'current'}: there is no trained model; run `make train`\n"


def test_a_delimiter_of_two_characters_is_refused(run):
    result = run("classify", "-", "--delimiter", ";;", stdin="text\na\n")
    assert result.exit_code == 2
    assert "found ';;'; expected one character" in result.stderr


def test_a_reader_that_goes_away_ends_the_run_quietly(models, tmp_path):
    (tmp_path / "in.csv").write_text("text\n" + "a cat on a mat\n" * 300_000, encoding="utf-8")
    command = f"'{sys.executable}' -m service classify '{tmp_path / 'in.csv'}' | head -n 1"
    run = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"MODALITY_MODELS": str(models), "PATH": "/usr/bin:/bin"},
    )
    assert run.stdout == "text,category,confidence,predicted_needs,predicted_inputs,decided\n"
    assert "Traceback" not in run.stderr
