"""Merging the layers of a recipe: core < domain < file < command line, each value's origin kept."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from samdomains.errors import RecipeError
from samdomains.recipe import Recipe
from samdomains.yaml_values import dump_value, load_yaml

CORE = "core"
"""Origin of the values that no layer sets."""

COMMAND_LINE = "command line"
"""Origin of the values given with ``--set``."""


@dataclass(frozen=True, slots=True)
class RecipeLayer:
    """Values from one place.

    Attributes:
        origin: Where they come from, shown to the user: a file name, ``command line``, ...
        values: Nested values, section → key → value; only those that the layer sets.
    """

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """A validated recipe and where each of its values comes from.

    Attributes:
        recipe: The values.
        origins: Dotted key (``training.learning_rate``) → origin, for every value.
    """

    recipe: Recipe
    origins: Mapping[str, str]


def resolve_recipe(layers: Sequence[RecipeLayer]) -> ResolvedRecipe:
    """Merge layers over the core's values; a later layer wins value by value.

    Raises:
        RecipeError: A layer holds an unknown key, or a value of the wrong type or range.

    Example:
        >>> resolved = resolve_recipe([RecipeLayer("mine.yaml", {"training": {"epochs": 3}})])
        >>> resolved.recipe.training.epochs, resolved.origins["training.epochs"]
        (3, 'mine.yaml')
    """
    origins = dict.fromkeys(_keys(), CORE)
    values: dict[str, object] = {}
    for layer in layers:
        for key, value in _flatten(Recipe, layer.values, "", layer.origin):
            _require_plain(key, value, layer.origin)
            values[key] = value
            origins[key] = layer.origin
    return ResolvedRecipe(_validate(values, origins), origins)


def parse_setting(text: str) -> Mapping[str, Any]:
    """Read ``section.key=value``; the value is typed as YAML.

    Raises:
        RecipeError: There is no ``=``, no key, or the value is not YAML.

    Example:
        >>> parse_setting("training.learning_rate=5e-5")
        {'training': {'learning_rate': 5e-05}}
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise RecipeError(f"--set needs KEY=VALUE, such as training.epochs=5, got '{text}'")
    nested: Any = load_yaml(value, f"--set {key.strip()}")
    for part in reversed(parts):
        nested = {part: nested}
    return dict(nested)


def read_recipe_file(path: Path) -> Mapping[str, Any]:
    """Read a recipe file: YAML in UTF-8 that holds a mapping.

    Its keys are checked when the layers are resolved. A top-level ``name`` picks the named recipe
    of the domain that the file builds on.

    Raises:
        RecipeError: The file cannot be read, is not UTF-8, not YAML or not a mapping; names the
            file and, where there is one, the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(
            f"{path}, line {line}: not UTF-8 text. Save the recipe as UTF-8"
        ) from error
    values = load_yaml(text, str(path))
    if not isinstance(values, dict):
        got = "nothing" if values is None else f"a {type(values).__name__}"
        raise RecipeError(f"{path}, line 1: a recipe holds 'key: value' lines, got {got}")
    return values


def recipe_to_yaml(resolved: ResolvedRecipe, *, with_origins: bool) -> str:
    """Write every value as YAML, one a line; reading it back gives the same recipe.

    Args:
        resolved: The recipe.
        with_origins: Whether each value is followed by its origin as a comment.
    """
    lines: list[str] = []
    section = ""
    for key, value in dotted_values(resolved.recipe):
        head, _, name = key.rpartition(".")
        if head != section:
            lines.append(f"{head}:")
            section = head
        comment = f"  # {resolved.origins[key]}" if with_origins else ""
        lines.append(f"{'  ' if head else ''}{name}: {dump_value(value)}{comment}")
    return "\n".join(lines) + "\n"


def dotted_values(recipe: Recipe) -> Iterator[tuple[str, object]]:
    """Yield dotted key and value, in the order in which the recipe declares them."""
    for name, value in recipe.model_dump().items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", item) for key, item in value.items())
        else:
            yield name, value


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field of the recipe holds, or None where it holds a value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


@cache
def _keys() -> tuple[str, ...]:
    """Every dotted key, in the order in which the recipe declares them."""
    return tuple(key for key, _ in dotted_values(Recipe()))


def _flatten(
    section: type[BaseModel], values: object, prefix: str, origin: str
) -> Iterator[tuple[str, object]]:
    """Yield dotted key and value; the recipe's own shape says what is a section."""
    if not isinstance(values, Mapping):
        where = f"'{prefix}' is a section: it" if prefix else "a recipe"
        allowed = ", ".join(section.model_fields)
        raise RecipeError(f"{origin}: {where} holds keys ({allowed}), got {_show(values)}")
    for name, value in values.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        field = section.model_fields.get(name) if isinstance(name, str) else None
        if field is None:
            raise RecipeError(_unknown_key(section, key, origin))
        below = _section_of(field)
        if below is None:
            yield key, value
        else:
            yield from _flatten(below, value, key, origin)


def _unknown_key(section: type[BaseModel], key: str, origin: str) -> str:
    prefix, _, name = key.rpartition(".")
    meant = [known for known in _keys() if known.rpartition(".")[2] == name]
    if not meant:
        close = difflib.get_close_matches(name, section.model_fields, n=1)
        meant = [f"{prefix}.{found}" if prefix else found for found in close]
    hint = f" Did you mean '{meant[0]}'?" if meant else ""
    where = f"'{prefix}'" if prefix else "a recipe"
    allowed = ", ".join(section.model_fields)
    return f"{origin}: unknown key '{key}'.{hint} Allowed in {where}: {allowed}"


def _require_plain(key: str, value: object, origin: str) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(value).__name__
        raise RecipeError(
            f"{origin}: {key} is of type {kind}; "
            "allowed: text, numbers, true, false, null and lists"
        ) from error


def _validate(values: Mapping[str, object], origins: Mapping[str, str]) -> Recipe:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        head, _, name = key.rpartition(".")
        (nested.setdefault(head, {}) if head else nested)[name] = value
    try:
        # By way of JSON, whose strict mode takes a list for a tuple but no text for a number.
        return Recipe.model_validate_json(json.dumps(nested), strict=True)
    except ValidationError as error:
        raise RecipeError(_one_line(error, values, origins)) from error


def _one_line(
    error: ValidationError, values: Mapping[str, object], origins: Mapping[str, str]
) -> str:
    """The first of pydantic's complaints: key, value got, what is allowed, origin."""
    complaints = error.errors(include_url=False)
    location = [str(part) for part in complaints[0]["loc"]]
    # A value of several allowed types has a complaint for each.
    same = [c for c in complaints if c["loc"][:2] == complaints[0]["loc"][:2]]
    texts = (c["msg"].removeprefix("Value error, ").removeprefix("Input should be ") for c in same)
    text = " or ".join(dict.fromkeys(texts))
    key = next((k for k in (".".join(location[:2]), ".".join(location[:1])) if k in values), None)
    if key is not None:
        return f"{origins[key]}: {key} is {_show(values[key])}; allowed: {text}"
    section = ".".join(location)
    parts = [f"{k} from {origins[k]}" for k in values if k.startswith(f"{section}.")]
    return f"{section}: {text} ({', '.join(parts)})"


def _show(value: object) -> str:
    """A value as it is written in a recipe, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
