"""New rows join the corpus only together with a version that was trained on them."""

import os
import shutil
import tempfile
from pathlib import Path

from modality.errors import DataError
from modality.taxonomy import Taxonomy
from training.checks import check_folder, check_rows
from training.dataset import Row, read_rows
from training.evaluation import Evaluation
from training.pipeline import Config
from training.train import train

__all__ = ["load_corpus", "retrain"]


def load_corpus(folder: Path, taxonomy: Taxonomy) -> list[Row]:
    """Return all rows of a corpus that passes its checks.

    Raises
    ------
    DataError
        If it does not; one line for each problem.
    """
    rows, problems = check_folder(folder, taxonomy, test_sets=[])
    if problems:
        raise DataError("\n".join(problems))
    if not rows:
        raise DataError(f"{folder}: no CSV file found; expected the labelled rows")
    return rows


def retrain(
    new: Path, folder: Path, taxonomy: Taxonomy, models: Path, config: Config, *, progress: bool
) -> tuple[str, Evaluation]:
    """Train on the corpus and on new rows, make the version current, and take the rows in.

    The file is copied into the corpus under its own name, which is the group of its rows.

    Parameters
    ----------
    new
        Labelled CSV file outside the corpus.
    folder
        Of the corpus.
    taxonomy, models, config, progress
        As for :func:`training.train.train`, whose result is returned.

    Raises
    ------
    DataError, LabelError
        If a row is refused, or the corpus has a file of that name; nothing is changed then.
    """
    target = folder / new.name
    if new.suffix != ".csv":
        raise DataError(f"{new}: expected a file whose name ends in .csv")
    if target.exists():
        raise DataError(
            f"{new}: {target} exists; rename the new file, or run `make train` if its rows are in the corpus"
        )
    corpus = load_corpus(folder, taxonomy)
    rows = read_rows(new, taxonomy)
    if not rows:
        raise DataError(f"{new}: no rows; expected labelled rows below the header")
    problems = [line for line in check_rows([*corpus, *rows]) if line.startswith(f"{new.name}:")]
    if problems:
        raise DataError("\n".join(problems))
    descriptor, copy = tempfile.mkstemp(dir=folder, prefix=".new-")
    os.close(descriptor)
    try:
        shutil.copyfile(new, copy)
        os.chmod(copy, 0o644)
        result = train([*corpus, *rows], taxonomy, models, config, progress=progress)
        os.replace(copy, target)
    except BaseException:
        os.unlink(copy)
        raise
    return result
