"""The ``modality`` command."""

import csv
import os
import sys
import time
from pathlib import Path

import click
import uvicorn
from tqdm import tqdm

from modality import Classifier, ModalityError
from modality.artifact import current_version, list_versions, read_manifest
from modality.errors import ArtifactError, outcome_of
from service.app import create_app
from service.batch.job import FORMATS, STANDARD_STREAM, Job, Summary
from service.batch.partial import partial_path
from service.batch.run import classify_file
from service.settings import Settings

__all__ = ["main"]

_PATH = click.Path(path_type=Path, allow_dash=True)


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
@click.version_option(package_name="prompt-modality")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Say which kind of tool a task description needs, how sure that is, and why.

    \b
    Examples:
      modality explain "logo and a jingle for my bakery"
      modality classify tasks.csv --output out.csv
      modality serve

    The environment variables MODALITY_MODELS and MODALITY_CATALOGUE choose the folder of trained
    versions and the file of example tools.
    """
    ctx.obj = Settings.from_environment(os.environ)


@main.command()
@click.argument("source", type=_PATH)
@click.option(
    "--output", "-o", type=_PATH, default=STANDARD_STREAM, show_default=True, help="File, or - for standard output."
)
@click.option("--column", "-c", default="text", show_default=True, help="Column or JSON key of the description.")
@click.option(
    "--columns",
    help="What to write, in this order: names of the source's columns and of the five that are added, "
    "separated by commas. By default all.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Of the source; by default by its name: .jsonl and .ndjson are JSON Lines, .txt is one description a line, "
    ".parquet and .pq are Parquet, all else is CSV.",
)
@click.option("--delimiter", help="Of CSV; by default found out from the header: comma, semicolon, tab or bar.")
@click.option(
    "--encoding", default="utf-8", show_default=True, help="Of the source, such as latin-1 or utf-16. Output is UTF-8."
)
@click.option("--resume", is_flag=True, help="Continue an interrupted run from its last complete block.")
@click.pass_obj
def classify(
    settings: Settings,
    source: Path,
    output: Path,
    column: str,
    columns: str | None,
    format_: str | None,
    delimiter: str | None,
    encoding: str,
    *,
    resume: bool,
) -> None:
    """Classify every row of SOURCE, a file or - for standard input.

    All columns and rows come back unchanged and in order, followed by the columns category, confidence,
    predicted_needs, predicted_inputs and decided. A row whose text is blank stays, without a prediction.

    CSV, JSON Lines and text are decompressed and compressed where a name ends in .gz or .zst. CSV can be
    written as Parquet and Parquet as CSV: the name of the output says which. The output appears when the
    run is complete; an interrupted run leaves what it has in a hidden file beside it, for --resume.

    \b
    Examples:
      modality classify tasks.csv --output out.csv
      modality classify tickets.csv --column "Problem text" --delimiter ";" -o out.csv
      modality classify big.csv.gz -o big.parquet --columns id,category,confidence
      modality classify tasks.jsonl -o out.jsonl.zst
      cat prompts.txt | modality classify - --format lines > out.csv
    """
    if delimiter is not None and len(delimiter) != 1:
        raise click.BadParameter(f"found {delimiter!r}; expected one character", param_hint="--delimiter")
    chosen = None if columns is None else tuple(next(csv.reader([columns])))
    job = Job.of(
        source,
        output,
        format_,
        column=column,
        delimiter=delimiter,
        encoding=encoding,
        columns=chosen,
        resume=resume,
    )
    classifier = _load(settings)
    n_bytes = source.stat().st_size if source.is_file() else None
    started = time.monotonic()
    with tqdm(total=n_bytes, unit="B", unit_scale=True, desc="classifying", disable=None, leave=False) as bar:

        def advance(n_rows: int, n_bytes_read: int) -> None:
            bar.set_postfix_str(f"{n_rows:,} rows, {n_rows / (time.monotonic() - started):,.0f} rows/s", refresh=False)
            bar.update(max(0, n_bytes_read - bar.n))

        try:
            summary = classify_file(classifier, job, advance)
        except KeyboardInterrupt:
            if partial_path(output).exists():
                click.echo("\ninterrupted; the same command with --resume continues", err=True)
            sys.exit(130)
    click.echo(_summary_line(summary, time.monotonic() - started), err=True)


@main.command()
@click.argument("description")
@click.option("--category", help="Explain this category, or none; by default the main one.")
@click.option("--ngrams", "n_ngrams", default=10, show_default=True, help="How many n-grams to show.")
@click.pass_obj
def explain(settings: Settings, description: str, category: str | None, n_ngrams: int) -> None:
    """Classify one DESCRIPTION and show which words and n-grams spoke for and against a category.

    Contributions are log-odds; together with the bias they sum to those of the category.

    \b
    Examples:
      modality explain "write a Midjourney prompt for a castle"
      modality explain "make it snow" --category video
    """
    classifier = _load(settings)
    prediction = classifier.classify(description)
    sure = "" if prediction.decided else " (not decided)"
    click.echo(f"category    {prediction.category}  {prediction.confidence:.2f}{sure}")
    for need in prediction.needs:
        click.echo(f"needs       {need['category']}  {need['confidence']:.2f}  {', '.join(need['tools'])}")
    for item in prediction.inputs:
        click.echo(f"input       {item['input']}  {item['confidence']:.2f}")
    found = classifier.explain(description, category)
    click.echo(f"\nwhy {found.label}: {found.log_odds:+.2f} = bias {found.bias:+.2f} and the words")
    for word in found.words:
        click.echo(f"  {word.value:+.2f}  {word.text}")
    click.echo(f"\nstrongest of {len(found.ngrams)} n-grams")
    for ngram in found.ngrams[:n_ngrams]:
        click.echo(f"  {ngram.value:+.2f}  {ngram.kind}  {ngram.text!r}")


@main.command()
@click.pass_obj
def models(settings: Settings) -> None:
    """List the trained versions, a line each, the one in use marked with *.

    \b
    Example:
      modality models
    """
    current = current_version(settings.models)
    for version in list_versions(settings.models):
        mark = "*" if version == current else " "
        try:
            manifest = read_manifest(settings.models, version)
        except ArtifactError as error:
            click.echo(f"{mark} {version}  cannot be used: {error}")
            continue
        metrics = manifest.metrics
        click.echo(
            f"{mark} {version}  {manifest.data['n_rows']:>7,} rows  accuracy {metrics['accuracy']:.3f}  "
            f"macro-F1 {metrics['macro_f1']:.3f}  ECE {metrics['ece']:.3f}  (out of fold)"
        )


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.pass_obj
def serve(settings: Settings, host: str, port: int) -> None:
    """Answer over HTTP; documentation is under /docs.

    \b
    Examples:
      modality serve
      modality serve --port 8080
    """
    uvicorn.run(create_app(settings), host=host, port=port, access_log=False, server_header=False)


def _load(settings: Settings) -> Classifier:
    """Load the current version."""
    return Classifier.load(settings.models, catalogue=settings.catalogue)


def _summary_line(summary: Summary, seconds: float) -> str:
    """Say what a run did."""
    n_new = summary.n_rows - summary.n_continued
    parts = [f"{n_new:,} rows in {seconds:.1f} s ({n_new / max(seconds, 1e-9):,.0f} rows/s)"]
    if summary.n_continued:
        parts.append(f"{summary.n_continued:,} were complete already")
    parts.append(f"{summary.n_undecided:,} not decided")
    if summary.n_blank:
        parts.append(f"{summary.n_blank:,} blank, left without a prediction")
    if summary.n_truncated:
        parts.append(f"{summary.n_truncated:,} longer than is read, classified on beginning and end")
    return "; ".join(parts)
