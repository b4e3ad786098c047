"""Commands of those who own the labels; ``make`` calls them."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from modality.artifact import DEFAULT_MODELS, current_version, read_manifest
from modality.classifier import Classifier
from modality.errors import ArtifactError, ModalityError, outcome_of
from modality.taxonomy import DEFAULT_CATALOGUE, Taxonomy
from training.checks import check_folder
from training.counts import format_counts
from training.dataset import read_rows
from training.evaluation import Evaluation, evaluate, format_report
from training.pipeline import Config
from training.retrain import load_corpus, retrain
from training.robustness import flip_rates, format_flip_rates
from training.train import train

__all__ = ["main"]

DEFAULT_DATA = DEFAULT_MODELS.parent / "data" / "labelled"
_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class _Context:
    """What the options before the command say."""

    data: Path
    models: Path
    catalogue: Path
    taxonomy: Taxonomy


class _Group(click.Group):
    """A group whose commands end with one line, not a traceback, on an error raised on purpose."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ModalityError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(outcome_of(error).exit_code)


@click.group(cls=_Group)
@click.option("--data", type=_PATH, default=DEFAULT_DATA, show_default="data/labelled", help="Folder of the corpus.")
@click.option("--models", type=_PATH, default=DEFAULT_MODELS, show_default="models", help="Folder of all versions.")
@click.option("--catalogue", type=_PATH, default=DEFAULT_CATALOGUE, show_default="the built-in one", help="TOML file.")
@click.pass_context
def main(ctx: click.Context, data: Path, models: Path, catalogue: Path) -> None:
    """Check the labelled rows, train a version, measure it."""
    ctx.obj = _Context(data, models, catalogue, Taxonomy.load(catalogue))


@main.command("train")
@click.option("--if-missing", is_flag=True, help="Do nothing if there is a current version.")
@click.pass_obj
def train_command(obj: _Context, *, if_missing: bool) -> None:
    """Train on the whole corpus and make the new version the current one.

    \b
    Example:
      python -m training train
    """
    if if_missing and (obj.models / "current").exists():
        return
    rows = load_corpus(obj.data, obj.taxonomy)
    before = _metrics(obj.models)
    result = train(rows, obj.taxonomy, obj.models, Config(), progress=True)
    _report_version(*result, before)


@main.command("retrain")
@click.argument("new", type=_PATH)
@click.pass_obj
def retrain_command(obj: _Context, new: Path) -> None:
    """Train on the corpus and the rows of NEW, a labelled CSV file, and take them into the corpus.

    \b
    Example:
      python -m training retrain my-rows.csv
    """
    before = _metrics(obj.models)
    result = retrain(new, obj.data, obj.taxonomy, obj.models, Config(), progress=True)
    _report_version(*result, before)


@main.command("evaluate")
@click.argument("file", type=_PATH)
@click.option("--version", help="Version to measure; the current one by default.")
@click.option("--output", type=_PATH, help="JSON file for the metrics; build/evaluation-<name>.json by default.")
@click.pass_obj
def evaluate_command(obj: _Context, file: Path, version: str | None, output: Path | None) -> None:
    """Measure a version on FILE, a labelled CSV file that it was not trained on.

    \b
    Example:
      python -m training evaluate tests.csv
    """
    rows = read_rows(file, obj.taxonomy)
    classifier = Classifier.load(obj.models, version, obj.catalogue)
    evaluation = evaluate(classifier, rows)
    click.echo(f"model {classifier.manifest.version} on {file}\n{format_report(evaluation)}")
    output = output or Path("build") / f"evaluation-{file.stem}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    result = {"model": classifier.manifest.version, "on": str(file), **evaluation.as_dict()}
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    click.echo(f"\nwritten to {output}")


@main.command("robustness")
@click.argument("file", type=_PATH)
@click.option("--version", help="Version to measure; the current one by default.")
@click.pass_obj
def robustness_command(obj: _Context, file: Path, version: str | None) -> None:
    """Measure how many right answers on FILE, a labelled CSV file, turn wrong when the wording changes a little.

    \b
    Example:
      python -m training robustness tests.csv
    """
    classifier = Classifier.load(obj.models, version, obj.catalogue)
    rates = flip_rates(classifier, read_rows(file, obj.taxonomy))
    click.echo(f"model {classifier.manifest.version} on {file}\n{format_flip_rates(rates)}")


@main.command("check")
@click.option("--test-set", type=_PATH, multiple=True, help="Labelled CSV whose text must not be in the corpus.")
@click.pass_obj
def check_command(obj: _Context, test_set: tuple[Path, ...]) -> None:
    """Refuse illegal labels, repeats, near-repeats, conflicts, over-used openings and leaked test rows.

    A test set that is not there is passed over.

    \b
    Example:
      python -m training check --test-set tests.csv
    """
    rows, problems = check_folder(obj.data, obj.taxonomy, [path for path in test_set if path.exists()])
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(rows)} rows, {len(problems)} problems")
    sys.exit(1 if problems else 0)


@main.command("counts")
@click.pass_obj
def counts_command(obj: _Context) -> None:
    """Count the rows of the corpus by label, length and file.

    \b
    Example:
      python -m training counts
    """
    click.echo(format_counts(load_corpus(obj.data, obj.taxonomy), obj.taxonomy))


def _metrics(models: Path) -> dict[str, float]:
    """Return the headline metrics of the current version; empty if there is none that can be read."""
    try:
        return read_manifest(models, current_version(models)).metrics
    except ArtifactError as error:
        click.echo(f"nothing to compare with: {error}", err=True)
        return {}


def _report_version(version: str, evaluation: Evaluation, before: dict[str, float]) -> None:
    """Print what was trained, and how it compares."""
    click.echo(f"out-of-fold predictions, {format_report(evaluation)}\n")
    for name, value in before.items():
        click.echo(f"{name:<16} {value:.3f} -> {evaluation.overall[name]:.3f}")
    click.echo(f"\ncurrent version: {version}")
