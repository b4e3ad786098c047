"""The categories, inputs and example tools, read from the catalogue file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modality.errors import SettingsError

__all__ = ["DEFAULT_CATALOGUE", "MODALITIES", "NONE", "SEVERAL", "Category", "Taxonomy", "input_key", "label_keys"]

DEFAULT_CATALOGUE = Path(__file__).with_name("catalogue.toml")
MODALITIES = ("text", "image", "audio", "video", "3d", "data")
NONE = "none"  #: the label of a description that no category fits (rule 11 of the labelling guide)
SEVERAL = "several"  #: what a model learns beside the labels: that more than one category is needed


def input_key(name: str) -> str:
    """Return the key of an input's label: "image" is the name of a category too."""
    return f"input:{name}"


def label_keys(categories: Sequence[str], inputs: Sequence[str]) -> list[str]:
    """Return the key of each label of a model, in order.

    >>> label_keys(["text"], ["image"])
    ['text', 'none', 'several', 'input:image']
    """
    return [*categories, NONE, SEVERAL, *map(input_key, inputs)]


@dataclass(frozen=True)
class Category:
    """One kind of tool: its name as a label, what the tool is called, its modality, and examples."""

    name: str
    tool: str
    modality: str
    tools: tuple[str, ...]


@dataclass(frozen=True)
class Taxonomy:
    """What a description can be labelled with.

    Attributes
    ----------
    categories
        By name, in the order of every array of scores.
    inputs
        Media that can be brought along, in the order of every array of scores.
    tasks
        Category to {input, or "" for none: Hugging Face pipeline tag}.
    """

    categories: Mapping[str, Category]
    inputs: tuple[str, ...]
    tasks: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, path: Path = DEFAULT_CATALOGUE) -> "Taxonomy":
        """Read a catalogue file.

        Raises
        ------
        SettingsError
            If the file cannot be read or a value is not what it should be; the message names the key.
        """
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: cannot read the catalogue: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not a TOML file: {error}") from error
        _refuse_unknown(path, "", raw, ("categories", "inputs", "tasks"))
        tables = _expect(path, "categories", raw.get("categories"), dict, "a table for each category")
        if not tables:
            raise SettingsError(f"{path}: categories: found none; expected a table for each category")
        categories = {name: _category(path, name, table) for name, table in tables.items()}
        inputs = _expect(path, "inputs", raw.get("inputs"), dict, "a table with the key order")
        order = _strings(path, "inputs.order", inputs.get("order"))
        tasks = _expect(path, "tasks", raw.get("tasks", {}), dict, "a table for each category")
        for category, by_input in tasks.items():
            _refuse_unknown(path, "tasks", {category: None}, tuple(categories))
            _expect(path, f"tasks.{category}", by_input, dict, "input = tag")
            _refuse_unknown(path, f"tasks.{category}", by_input, ("", *order))
        return cls(MappingProxyType(categories), order, MappingProxyType(tasks))

    def task(self, category: str, inputs: Sequence[str]) -> str | None:
        """Return the Hugging Face pipeline tag for inputs -> category, None where there is none.

        >>> Taxonomy.load().task("image", ["image"])
        'image-to-image'
        """
        tags = self.tasks.get(category, {})
        if not inputs:
            return tags.get("")
        return next((tags[name] for name in inputs if name in tags), None)


def _category(path: Path, name: str, table: Any) -> Category:
    """Return one category of the catalogue."""
    key = f"categories.{name}"
    if name in (NONE, SEVERAL) or "+" in name or "|" in name or name != name.strip():
        raise SettingsError(
            f"{path}: {key}: not a name for a category; expected one without '+' and '|', and not 'none' or 'several'"
        )
    table = _expect(path, key, table, dict, "a table with the keys tool, modality, tools")
    _refuse_unknown(path, key, table, ("tool", "modality", "tools"))
    tool = _expect(path, f"{key}.tool", table.get("tool"), str, "a string")
    modality = table.get("modality")
    if modality not in MODALITIES:
        raise SettingsError(f"{path}: {key}.modality: found {modality!r}; expected one of {', '.join(MODALITIES)}")
    return Category(name, tool, modality, _strings(path, f"{key}.tools", table.get("tools")))


def _strings(path: Path, key: str, value: Any) -> tuple[str, ...]:
    """Return a list of strings of the catalogue."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{path}: {key}: found {value!r}; expected a list of strings")
    return tuple(value)


def _expect(path: Path, key: str, value: Any, kind: type, expected: str) -> Any:
    """Return a value of the catalogue if it is of the expected kind."""
    if not isinstance(value, kind):
        raise SettingsError(f"{path}: {key}: found {value!r}; expected {expected}")
    return value


def _refuse_unknown(path: Path, key: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse keys that nothing would read."""
    for name in table:
        if name not in known:
            where = f"{key}.{name}" if key else name
            raise SettingsError(f"{path}: {where}: unknown key; expected one of {', '.join(filter(None, known))}")
