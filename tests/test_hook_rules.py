from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from samdomains.chain import Domain, select_domain
from samdomains.errors import PluginError
from samdomains.hook_rules import HOOK_ARGUMENTS, require_valid_answer
from samdomains.recipe import Recipe
from samdomains.types import Case, RawImage

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

OWN_MARKER = "import pluggy\nmark = pluggy.HookimplMarker('samdomains')"


def select(install_plugin: InstallPlugin, source: str) -> Domain:
    install_plugin("field", "from samdomains.plugin import *\n" + source)
    return select_domain("field")


def test_the_rules_know_every_hook_and_its_arguments() -> None:
    assert HOOK_ARGUMENTS["load_cases"] == ("source", "recipe")
    assert HOOK_ARGUMENTS["recipes"] == ()
    assert len(HOOK_ARGUMENTS) == 9


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # pluggy registers it without a specification and never calls it
        (
            "@hookimpl\ndef normalise_intensity(recipe): ...",
            "`normalise_intensity`.*no hook. Did you mean 'normalize_intensity'",
        ),
        # pluggy ignores an undecorated function
        ("def load_cases(source, recipe): ...", "`load_cases`.*would be ignored. Decorate"),
        ("recipes = {'default': {}}", "`recipes`.*would be ignored"),
        # pluggy 1.6 drops the value, 1.7 passes it
        ("@hookimpl\ndef write_masks(recipe=None): ...", "gives `recipe` a default value"),
        (
            "@hookimpl\ndef load_cases(sources, recipe): ...",
            "an argument `sources`.*Did you mean 'source'.*It offers: source, recipe",
        ),
        ("@hookimpl\ndef recipes(recipe): ...", "It offers: none"),
        ("@hookimpl\ndef load_cases(*args): ...", r"takes `\*args`"),
        ("@hookimpl\ndef load_cases(source, *, recipe): ...", "takes `recipe`"),
        ("@hookimpl\ndef load_cases(source):\n    yield 1", "may not yield"),
        ("@hookimpl\nasync def load_cases(source): ...", "may not be async"),
        # tryfirst would beat the user's local file, trylast would lose to the core
        ("@hookimpl(tryfirst=True)\ndef recipes(): ...", "cannot be imported: TypeError"),
        (
            f"{OWN_MARKER}\n@mark(tryfirst=True)\ndef recipes(): ...",
            "`recipes`.*sets tryfirst",
        ),
        (
            f"{OWN_MARKER}\n@mark(wrapper=True)\ndef recipes():\n    yield",
            "`recipes`.*sets wrapper",
        ),
    ],
)
def test_an_implementation_that_would_be_ignored_or_misplaced_is_refused(
    install_plugin: InstallPlugin, source: str, expected: str
) -> None:
    with pytest.raises(PluginError, match=expected) as caught:
        select(install_plugin, source)
    assert "domain" in str(caught.value)


def test_an_implementation_may_take_fewer_arguments(install_plugin: InstallPlugin) -> None:
    source = "@hookimpl\ndef load_cases():\n    return []\n"
    assert select(install_plugin, source).load_cases(Path(), Recipe()) == []


def test_helpers_and_classes_of_other_names_are_left_alone(install_plugin: InstallPlugin) -> None:
    source = "import json\ndef read(path): ...\nclass Reader: ...\nlimit = 3\n"
    assert select(install_plugin, source).name == "field"


@dataclass(frozen=True)
class Reader:
    def __call__(self) -> RawImage:
        return np.zeros((1, 2, 2))


def case(name: str, read: object = None) -> Case:
    return Case(name, name, read or Reader(), None, {1: "thing"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hook", "answer", "expected"),
    [
        ("load_cases", None, "returned None. Is a `return` missing?"),
        ("load_cases", iter([]), "returned list_iterator; it must return a sequence of Case"),
        ("load_cases", "cases", "returned str"),
        ("load_cases", [case("a"), "b"], "returned str among the cases"),
        ("load_cases", [case("a"), case("a")], "two cases with the id 'a'"),
        ("load_cases", [case("a", lambda: None)], "cannot be sent to worker processes"),
        ("normalize_intensity", None, "returned None"),
        ("normalize_intensity", 3, "returned int; it must return a callable"),
        ("sample_prompts", lambda: None, "cannot be sent to worker processes"),
        ("choose_strategy", "lora", "returned str; it must return a StrategyChoice"),
        ("make_demo_data", "folder", "returned str; it must return a Path"),
        ("recipes", {"default": 3}, "name → mapping"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused_at_the_boundary(
    hook: str, answer: object, expected: str
) -> None:
    with pytest.raises(PluginError, match=expected) as caught:
        require_valid_answer(hook, answer, "domain field: `hook` (field.py:3)")
    assert str(caught.value).startswith("domain field: `hook` (field.py:3) returned")


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("load_cases", ()),
        ("load_cases", [case("a"), case("b")]),
        ("normalize_intensity", Reader()),
        ("make_demo_data", Path("folder")),
        ("recipes", {"default": {"seed": 1}}),
        ("benchmarks", {}),
    ],
)
def test_a_good_answer_passes(hook: str, answer: object) -> None:
    require_valid_answer(hook, answer, "domain field")
