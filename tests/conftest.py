"""What several rooms share: plugins made on the fly, a small data folder, a finished run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Protocol

import pytest
from click.testing import CliRunner

from samdomains.chain import select_domain
from samdomains.cli.main import cli

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

QUICK = (
    "--strategy=decoder",
    "--set=training.epochs=3",
    "--set=training.batch_size=1",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=2",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
)
"""Words that make a run a matter of seconds."""


@dataclass(frozen=True)
class FinishedRun:
    """A run and what the command printed.

    Attributes:
        directory: Its `--out`.
        stdout: The table of scores.
        stderr: What happened.
    """

    directory: Path
    stdout: str
    stderr: str


class InstallPlugin(Protocol):
    """Writes a distribution and puts it on ``sys.path``."""

    def __call__(
        self,
        domain: str,
        source: str,
        *,
        distribution: str = "",
        version: str = "1.0",
        requires: str = "",
    ) -> Path:
        """Install `domain`, implemented by a module with `source`; gives the module's file.

        `requires` is what its metadata says of samdomains, such as ``samdomains>=0.1,<0.3``.
        """
        ...


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstallPlugin]:
    """Install plugins for one test; what they bring is forgotten afterwards."""
    modules_before = set(sys.modules)

    def install(
        domain: str,
        source: str,
        *,
        distribution: str = "",
        version: str = "1.0",
        requires: str = "",
    ) -> Path:
        distribution = distribution or f"samdomains-{domain}"
        package = distribution.replace("-", "_")
        folder = tmp_path / "site" / package
        info = folder / f"{package}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
            + (f"Requires-Dist: {requires}\n" if requires else "")
        )
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[samdomains.domains]\n{domain} = {package}_{domain}\n")
        module = folder / f"{package}_{domain}.py"
        module.write_text(dedent(source))
        monkeypatch.syspath_prepend(str(folder))
        return module

    yield install
    for name in set(sys.modules) - modules_before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="session")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five labelled images of the core's demo data, divided by `splits.json`. Read only."""
    folder = tmp_path_factory.mktemp("labelled")
    select_domain("images").make_demo_data(folder, 0)
    stems = sorted(path.stem for path in (folder / "images").iterdir())
    for stem in stems[5:]:
        for inner in ("images", "labels"):
            (folder / inner / f"{stem}.png").unlink()
    parts = {"train": stems[:2], "val": stems[2:3], "test": stems[3:5]}
    (folder / "splits.json").write_text(json.dumps(parts))
    return folder


@pytest.fixture(scope="session")
def finished_run(labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run of `samdomains run images` on the labelled folder. Read only."""
    directory = tmp_path_factory.mktemp("runs") / "first"
    words = ["run", "images", str(labelled_folder), "--out", str(directory), *QUICK]
    result = CliRunner().invoke(cli, words, prog_name="samdomains", catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return FinishedRun(directory, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def quick() -> tuple[str, ...]:
    """Words for `samdomains run` that make it a matter of seconds."""
    return QUICK


@pytest.fixture
def miniature() -> Sam:
    """A SAM of 64 pixels that runs in milliseconds; its random weights are always the same."""
    return build_miniature()


def build_miniature() -> Sam:
    """What the fixture of that name gives."""
    import torch

    from samdomains.sam.models import Architecture, build_sam

    torch.manual_seed(0)
    shape = Architecture(
        embed_dim=32,
        depth=2,
        num_heads=2,
        global_blocks=(1,),
        image_size=64,
        patch_size=8,
        window_size=4,
        prompt_dim=32,
        decoder_mlp_dim=64,
    )
    return build_sam(shape)
