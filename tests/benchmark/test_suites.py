from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from samdomains.benchmark.suites import Selection, Suite, find_suite
from samdomains.chain import installed_domains, select_domain
from samdomains.errors import PluginError, UsageError

ONE: Mapping[str, Any] = {
    "name": "nuclei",
    "path": "cells/nuclei",
    "title": "Nuclei",
    "source": "a shelf",
    "licence": "CC0",
}


def suite(**values: object) -> Suite:
    return Suite.model_validate({"title": "Cells", "datasets": (ONE,), **values})


def local_file(folder: Path, answer: str) -> Path:
    path = folder / f"{folder.name.replace('-', '_')}.py"  # a module's name is used once
    path.write_text(
        "from samdomains.plugin import hookimpl\n\n"
        f"@hookimpl\ndef benchmarks():\n    return {answer}\n"
    )
    return path


def test_a_suite_compares_all_strategies_along_a_learning_curve_unless_it_says_otherwise() -> None:
    assert suite().strategies == ("decoder", "lora", "full")
    assert suite().images == (5, 10, 20, "all")
    assert suite().unet


def test_every_installed_domain_has_a_suite_whose_data_sets_are_described() -> None:
    for installed in installed_domains():
        found = find_suite(select_domain(installed.name))
        for data in found.datasets:
            assert data.sha256 is not None
            assert data.licence
            assert data.source


def test_a_selection_replaces_what_it_names_and_leaves_the_rest() -> None:
    chosen = suite().only(Selection(strategies=["lora"], images=[3], seeds=[1, 2], unet=False))
    assert (chosen.strategies, chosen.images, chosen.seeds) == (("lora",), (3,), (1, 2))
    assert chosen.models == ("tiny",)
    assert not chosen.unet


def test_a_data_set_that_the_suite_does_not_have_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match=r"no data set 'nucle'. Did you mean 'nuclei'"):
        suite().only(Selection(data_sets=["nucle"]))


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"models.0: .*'tiny'.*got 'small'"):
        suite().only(Selection(models=["small"]))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"datasets": (ONE, ONE)}, "two data sets are named nuclei"),
        ({"datasets": ({**ONE, "name": "generated"},)}, "name of the domain's demo data"),
        ({"datasets": ({**ONE, "path": "../secret"},)}, "a path below --data-root"),
        ({"images": (0,)}, "images.0"),
        ({"data": ()}, "data: Extra inputs"),
    ],
)
def test_a_suite_that_is_wrongly_described_names_the_value_and_the_layer(
    values: dict[str, object], said: str, tmp_path: Path
) -> None:
    answer = {"default": {"title": "Cells", "datasets": (ONE,), **values}}
    domain = select_domain("images", local_plugin=local_file(tmp_path, repr(answer)))
    with pytest.raises(PluginError, match=f"local file .*'default' of `benchmarks`, .*{said}"):
        find_suite(domain)


def test_an_unknown_suite_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    answer = {"quick": {"title": "Quick"}}
    domain = select_domain("images", local_plugin=local_file(tmp_path, repr(answer)))
    assert find_suite(domain, "quick").title == "Quick"
    with pytest.raises(UsageError, match=r"no suite 'quik'. Did you mean 'quick'.*default, quick"):
        find_suite(domain, "quik")
