import json

from click.testing import CliRunner

from training.cli import main


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_every_command_says_what_it_does_with_an_example():
    for name, command in main.commands.items():
        result = run(name, "--help")
        assert result.exit_code == 0
        assert any(line.startswith("    python -m training ") for line in result.output.splitlines()), name
        assert command.help


def test_evaluate_prints_and_writes_the_metrics(models, tmp_path):
    (tmp_path / "t.csv").write_text(
        "text,needs,inputs\ncompose a jingle,music,\nfix this regex,code,\n", encoding="utf-8"
    )
    result = run("--models", str(models), "evaluate", str(tmp_path / "t.csv"), "--output", str(tmp_path / "out.json"))
    assert result.exit_code == 0, result.output
    assert "accuracy         1.000" in result.output
    assert json.loads((tmp_path / "out.json").read_text())["overall"]["accuracy"] == 1.0


def test_an_error_is_one_line_and_an_exit_code(models, tmp_path):
    result = run("--models", str(models), "evaluate", str(tmp_path / "none.csv"))
    assert result.exit_code == 65
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1


def test_check_fails_on_a_fault_and_names_it(tmp_path):
    (tmp_path / "a.csv").write_text("text,needs,inputs\na b,imagee,\n", encoding="utf-8")
    result = run("--data", str(tmp_path), "check", "--test-set", str(tmp_path / "absent.csv"))
    assert result.exit_code == 1
    assert "a.csv:2: needs: 'imagee' is not a label" in result.output
    assert "0 rows, 1 problems" in result.output


def test_train_if_missing_does_nothing_where_there_is_a_version(models):
    assert run("--models", str(models), "train", "--if-missing").output == ""
