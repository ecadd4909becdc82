"""YAML as recipes need it: numbers and words read as people mean them, one line per value written.

YAML 1.1, which PyYAML follows, reads ``5e-5`` as a string and ``no`` (a precision) as false. The
reader here follows the core schema of YAML 1.2 instead (https://yaml.org/spec/1.2.2/#103-core-schema)
and refuses a key that is given twice.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import yaml

from samdomains.errors import RecipeError

_PLAIN_WORD = re.compile(r"[A-Za-z][\w.+/-]*")
_ONE_LINE = 10**9
"""Width at which PyYAML folds a value: never."""


class _Loader(yaml.SafeLoader):
    """Safe loading with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own attribute)

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        """Build a mapping, refusing a key that occurs twice (PyYAML would keep the last)."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is given twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), [*"-+0123456789"]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    [*"-+.0123456789"],
)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load_yaml(text: str, source: str) -> object:
    """Read one YAML document.

    Args:
        text: The document.
        source: What to call it in an error: a file name, or ``command line``.

    Raises:
        RecipeError: The text is not YAML; names the source and, where known, the line.

    Example:
        >>> load_yaml("{learning_rate: 5e-5, precision: no}", "example")
        {'learning_rate': 5e-05, 'precision': 'no'}
    """
    try:
        # _Loader is a SafeLoader: it builds plain values only.
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise RecipeError(
            f"{source}{line}: not valid YAML: {error.problem or error.context}"
        ) from error
    except yaml.reader.ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        raise RecipeError(f"{source}, line {number}: not valid YAML: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{source}: cannot be read as YAML: {error}") from error


def dump_value(value: object) -> str:
    """Write a scalar or a sequence of scalars on one line, so that any YAML reader gets it back.

    Example:
        >>> dump_value(5e-05), dump_value("no"), dump_value(("box", "point+3"))
        ('5.0e-05', '"no"', '[box, point+3]')
    """
    if isinstance(value, str):
        plain = _PLAIN_WORD.fullmatch(value) and yaml.safe_load(value) == value
        return value if plain else _dump(value, style='"')
    if isinstance(value, Sequence):
        return "[" + ", ".join(dump_value(item) for item in value) + "]"
    return _dump(value, style=None)


def _dump(value: object, style: str | None) -> str:
    text: str = yaml.safe_dump(value, default_style=style, width=_ONE_LINE)
    return text.removesuffix("...\n").strip()
