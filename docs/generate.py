"""Write docs/reference/ from the code: one page a module, so that no page can disagree with it.

Run ``python docs/generate.py`` after a change of a public name, a docstring or a recipe key;
with ``--check`` it writes nothing and fails where a page is out of date, missing or left over.
Modules are parsed, not imported, except the recipe, whose keys and defaults are asked of pydantic,
and the commands, whose options are asked of click.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click
from pydantic import BaseModel

from samdomains.cli.main import COMMANDS, cli
from samdomains.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "samdomains"
REFERENCE = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by docs/generate.py from the code: change the docstring, then run it. -->"
WORDS = {
    "boolean": "true or false",
    "integer": "whole number",
    "null": "none",
    "number": "number",
    "string": "text",
}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

Definition: TypeAlias = ast.ClassDef | ast.FunctionDef
Schema: TypeAlias = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Write or check every page; return the exit code."""
    expected = pages()
    stale = _stale(expected)
    if "--check" in arguments:
        for path in stale:
            page = path.relative_to(ROOT)
            sys.stderr.write(f"{page} is out of date: run python docs/generate.py\n")
        return 1 if stale else 0
    for path in stale:
        if path in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


def pages() -> dict[Path, str]:
    """Every page that should exist, with its text."""
    result = {REFERENCE / "index.md": _index(), REFERENCE / "commands.md": _commands()}
    for module in public_modules():
        path = REFERENCE / module.relative_to(SOURCE).with_suffix(".md")
        result[path] = _page(module)
    return result


def public_modules() -> list[Path]:
    """The modules that have a page: all but packages' ``__init__`` and private ones."""
    return sorted(path for path in SOURCE.rglob("*.py") if not path.stem.startswith("_"))


def _stale(expected: dict[Path, str]) -> list[Path]:
    """Pages that are missing, left over or differ from what the code says."""
    present = {path: path.read_text("utf-8") for path in REFERENCE.rglob("*.md")}
    return sorted(
        path for path in present | expected if present.get(path, "") != expected.get(path, "")
    )


def _index() -> str:
    most_used = (
        "Most used are [the commands](commands.md), [the recipe](recipe.md), "
        "[the hooks](hookspecs.md) and [the vocabulary](types.md)."
    )
    lines = ["# Reference", "", NOTICE, "", most_used, ""]
    room = SOURCE
    for module in sorted(public_modules(), key=lambda path: (path.parent != SOURCE, path)):
        if module.parent != room:
            room = module.parent
            lines += ["", f"## {room.name}", "", _docstring(_parse(room / "__init__.py")), ""]
        name = module.relative_to(SOURCE).with_suffix("")
        summary = _summary(_parse(module))
        lines.append(f"- [{'.'.join(name.parts)}]({name.as_posix()}.md): {summary}")
    return "\n".join(lines) + "\n"


def _commands() -> str:
    """Every command with its arguments, options and example, as ``--help`` shows them."""
    blocks = [
        "# Commands",
        NOTICE,
        "Exit codes: 0 done, 1 failed or errors found, 2 wrong usage, 130 interrupted.",
    ]
    context = click.Context(cli, info_name="samdomains")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            blocks += _command(command, click.Context(command, info_name=name, parent=context))
    return "\n\n".join(blocks) + "\n"


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Heading, usage, what it does, its options, an example."""
    yield f"## {command.name}"
    yield _code(f"samdomains {command.name} {' '.join(command.collect_usage_pieces(context))}")
    yield inspect.cleandoc(command.help or "")
    rows = ["| option | meaning |", "|---|---|"]
    for option in command.params:
        if isinstance(option, click.Option):
            value = "" if option.is_flag else f" {option.make_metavar(context)}"
            named = _in_cell(f"{', '.join(option.opts)}{value}")
            rows.append(f"| `{named}` | {_in_cell(option.help or '')}{_presence(option)} |")
    yield "\n".join(rows)
    yield re.sub(r"samdomains .+", r"`\g<0>`", command.epilog or "")


def _presence(option: click.Option) -> str:
    """Whether an option must be given, or what it is otherwise where its help shows that."""
    if option.required:
        return " Required."
    return f" Default: {option.default}." if option.show_default else ""


def _in_cell(text: str) -> str:
    """A text in a table, where a bar would begin the next cell."""
    return text.replace("|", "\\|")


def _page(module: Path) -> str:
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    tree = _parse(module)
    blocks = [f"# {name}", NOTICE, _docstring(tree), *_constants(tree)]
    if name == "samdomains.recipe":
        blocks += _recipe_tables(Recipe, "")
    elif name == "samdomains.plugin":
        blocks += [*_entries(tree), "## Names from elsewhere", "\n".join(_passed_on(tree))]
    elif name == "samdomains.hookspecs":
        blocks += [_whole_hook(method) for owner in _public(tree) for method in _public(owner)]
    else:
        blocks += _entries(tree)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"), filename=str(module))


def _docstring(node: ast.Module | Definition) -> str:
    return ast.get_docstring(node) or ""


def _summary(node: ast.Module | Definition) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join(_docstring(node).split("\n\n")[0].split())


def _public(node: ast.Module | Definition) -> Iterator[Definition]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield child


def _constants(tree: ast.Module) -> list[str]:
    """Public names of the module that are followed by a string which documents them."""
    result = []
    for child, following in zip(tree.body, tree.body[1:], strict=False):
        match child, following:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if not name.startswith("_"):
                result.append(f"**`{name}`**: {' '.join(text.split())}")
    return result


def _passed_on(tree: ast.Module) -> Iterator[str]:
    """The names that a module imports from the package and offers as its own."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("samdomains."):
            parts = str(node.module).split(".")[1:]
            home = _parse(SOURCE.joinpath(*parts).with_suffix(".py"))
            known = {definition.name: f": {_summary(definition)}" for definition in _public(home)}
            for alias in node.names:
                link = f"[{'.'.join(parts)}]({'/'.join(parts)}.md)"
                yield f"- `{alias.asname or alias.name}` ({link}){known.get(alias.name, '')}"


def _entries(tree: ast.Module) -> Iterator[str]:
    """Every public class and function of a module."""
    for definition in _public(tree):
        yield from _entry(definition)


def _entry(definition: Definition) -> list[str]:
    """A heading, the signature and the summary; for a class its attributes and methods too."""
    blocks = [f"## {definition.name}", _code(_signature(definition)), _summary(definition)]
    if isinstance(definition, ast.ClassDef):
        attributes = _attribute_docs(_docstring(definition))
        blocks.append("\n".join(f"- `{name}`: {text}" for name, text in attributes.items()))
        methods = [
            f"- `{_signature(method)}`: {_summary(method)}" for method in _public(definition)
        ]
        blocks.append("\n".join(methods))
    return blocks


def _whole_hook(hook: Definition) -> str:
    body = textwrap.indent(f'"""{_docstring(hook)}', "    ")
    closing = "\n    " if "\n" in body else ""
    return f"## {hook.name}\n\n" + _code(f'def {_signature(hook)}:\n{body}{closing}"""')


def _signature(definition: Definition) -> str:
    if isinstance(definition, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in definition.bases)
        return f"class {definition.name}({bases})" if bases else f"class {definition.name}"
    returns = f" -> {ast.unparse(definition.returns)}" if definition.returns else ""
    if any(
        isinstance(item, ast.Name) and item.id == "property" for item in definition.decorator_list
    ):
        return f"{definition.name}{returns}"
    return f"{definition.name}({ast.unparse(definition.args)}){returns}"


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _recipe_tables(section: type[BaseModel], prefix: str) -> Iterator[str]:
    """One table a section, sections of sections after it: key, values, default, meaning."""
    docstring = inspect.getdoc(section) or ""
    meanings = _attribute_docs(docstring)
    properties = section.model_json_schema()["properties"]
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    nested = []
    for key, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            nested.append((field.annotation, f"{prefix}{key}."))
        else:
            cells = [f"`{prefix}{key}`", _values(properties[key]), _plain(field.default)]
            rows.append(f"| {' | '.join(cells)} | {meanings[key]} |")
    yield f"## {prefix.rstrip('.') or 'top level'}"
    yield docstring.split("\n\n")[0]
    yield "\n".join(rows)
    for part, part_prefix in nested:
        yield from _recipe_tables(part, part_prefix)


def _attribute_docs(docstring: str) -> dict[str, str]:
    """The ``Attributes:`` of a class docstring, each joined to one line."""
    docs: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:\n")[2].split("\n\n")[0].splitlines():
        text = line.strip()
        if line.startswith(" " * 8):
            docs[name] += f" {text}"
        else:
            name, _, docs[name] = text.partition(": ")
    return docs


def _plain(value: object) -> str:
    """A default value as YAML would show it."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(_plain(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(schema: Schema) -> str:
    """What a recipe key may hold, in words, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(_values(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        parts = schema.get("prefixItems")
        if parts is not None:
            return f"list of {len(parts)} ({_values(parts[0])})"
        return f"list of {_values(schema['items'])}"
    bounds = [f"{sign} {schema[key]:.12g}" for key, sign in SIGNS.items() if key in schema]
    return " ".join([WORDS[schema["type"]], ", ".join(bounds)]).strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
