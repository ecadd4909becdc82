from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samdomains.discovery import find_domain
from samdomains.errors import PluginError
from samdomains.layers import load_layers

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin


def labels(domain: str, local: Path | None = None) -> list[str]:
    return [layer.label for layer in load_layers(find_domain(domain), local)]


@pytest.fixture
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the folders that local plugins append to ``sys.path``."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_the_order_is_core_parents_domain_local_file(
    install_plugin: InstallPlugin, tmp_path: Path, own_path: None
) -> None:
    install_plugin("ground", "")
    install_plugin("middle", "extends = 'ground'")
    install_plugin("top", "extends = 'middle'")
    local = tmp_path / "local_order.py"
    local.write_text("")
    assert labels("top", local) == [
        "core",
        "domain ground",
        "domain middle",
        "domain top",
        "local file local_order.py",
    ]


def test_the_cores_own_module_is_one_layer_even_as_a_domain_or_a_parent(
    install_plugin: InstallPlugin,
) -> None:
    # Registering one module twice is an error of pluggy's.
    module = install_plugin("pictures", "")
    info = next(module.parent.glob("*.dist-info"))
    (info / "entry_points.txt").write_text("[samdomains.domains]\npictures = samdomains.defaults\n")
    install_plugin("child", "extends = 'pictures'")
    assert labels("pictures") == ["core"]
    assert labels("child") == ["core", "domain child"]


def test_extending_in_a_circle_is_refused(install_plugin: InstallPlugin) -> None:
    install_plugin("ring", "extends = 'gnir'")
    install_plugin("gnir", "extends = 'ring'")
    with pytest.raises(PluginError, match="ring → gnir → ring"):
        labels("ring")


def test_extending_what_is_not_installed_names_both(install_plugin: InstallPlugin) -> None:
    install_plugin("orphan", "extends = 'nobody'")
    with pytest.raises(PluginError, match="domain orphan extends 'nobody', but no domain 'nobody'"):
        labels("orphan")


def test_extends_is_one_id(install_plugin: InstallPlugin) -> None:
    install_plugin("greedy", "extends = ['a', 'b']")
    with pytest.raises(PluginError, match="must be the id of one domain"):
        labels("greedy")


@pytest.mark.parametrize(
    "source", ["import a_module_that_nobody_has", "1 / 0", "def f(:", "raise SystemExit(3)"]
)
def test_a_broken_plugin_is_a_chained_error_that_names_its_distribution(
    install_plugin: InstallPlugin, source: str
) -> None:
    install_plugin("broken", source, version="1.7")
    with pytest.raises(PluginError, match=r"samdomains-broken 1\.7") as caught:
        labels("broken")
    assert caught.value.__cause__ is not None
    assert "pip install --upgrade samdomains-broken" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("my-domain.py", "", "rename the file so that it can be imported"),
        ("json.py", "", "another module is already called 'json'"),
        ("pyarrow_like.txt", "", "a Python file"),
        ("local_broken.py", "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("local_extends.py", "extends = 'ct'", "cannot set `extends`"),
    ],
)
def test_a_local_file_that_cannot_serve_is_named(
    install_plugin: InstallPlugin,
    tmp_path: Path,
    own_path: None,
    name: str,
    content: str,
    expected: str,
) -> None:
    install_plugin("field", "")
    local = tmp_path / name
    local.write_text(content)
    with pytest.raises(PluginError, match=expected) as caught:
        labels("field", local)
    assert name in str(caught.value)


def test_a_missing_local_file_is_named(install_plugin: InstallPlugin, tmp_path: Path) -> None:
    install_plugin("field", "")
    with pytest.raises(PluginError, match=r"absent\.py"):
        labels("field", tmp_path / "absent.py")


def test_what_a_local_file_returns_can_be_used_in_a_process_that_inherits_the_path(
    install_plugin: InstallPlugin, tmp_path: Path, own_path: None
) -> None:
    # Spawned workers get the main process's sys.path; what was loaded by path is unknown there.
    install_plugin("field", "")
    local = tmp_path / "local_pickle.py"
    local.write_text("def answer():\n    return 42\n")
    module = load_layers(find_domain("field"), local)[-1].module
    dumped = tmp_path / "answer.pickle"
    dumped.write_bytes(pickle.dumps(module.answer))
    code = (
        f"import pickle, pathlib, sys; sys.path = {sys.path!r}; "
        f"print(pickle.loads(pathlib.Path({str(dumped)!r}).read_bytes())())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "42"
