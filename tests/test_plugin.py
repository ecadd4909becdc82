from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest

import samdomains.plugin
from samdomains.plugin import hookimpl


def test_every_public_name_exists() -> None:
    assert len(set(samdomains.plugin.__all__)) == len(samdomains.plugin.__all__)
    for name in samdomains.plugin.__all__:
        assert hasattr(samdomains.plugin, name)


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, samdomains.plugin; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_hookimpl_gives_the_function_back() -> None:
    def recipes() -> dict[str, dict[str, int]]:
        return {"default": {"seed": 3}}

    marked = hookimpl(recipes)
    assert marked is recipes
    assert marked() == {"default": {"seed": 3}}


@pytest.mark.parametrize("option", ["tryfirst", "trylast", "wrapper", "hookwrapper", "specname"])
def test_hookimpl_takes_no_options(option: str) -> None:
    # tryfirst would put a domain before the user's own file, trylast behind the core.
    with pytest.raises(TypeError):
        cast("Any", hookimpl)(**{option: True})
