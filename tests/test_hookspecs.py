from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from samdomains.hookspecs import PROJECT, DomainHooks

HOOKS = [name for name in vars(DomainHooks) if not name.startswith("_")]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_typed_and_documents_its_arguments(name: str) -> None:
    hook = getattr(DomainHooks, name)
    signature = inspect.signature(hook)
    arguments = [argument for argument in signature.parameters.values() if argument.name != "self"]
    assert signature.return_annotation is not inspect.Signature.empty
    text = inspect.getdoc(hook) or ""
    for argument in arguments:
        assert argument.annotation is not inspect.Parameter.empty
        assert f"{argument.name}: " in text


@pytest.mark.parametrize("name", HOOKS)
def test_one_layer_answers_except_where_all_are_asked(name: str) -> None:
    options = getattr(getattr(DomainHooks, name), f"{PROJECT}_spec")
    assert options["firstresult"] is (name not in ("recipes", "benchmarks"))


def test_the_specifications_are_light_to_import() -> None:
    code = (
        "import sys, samdomains.hookspecs; "
        "print(sorted({'torch', 'PIL', 'tifffile', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
