from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from samdomains.chain import Domain, select_domain
from samdomains.errors import DataError, RecipeError, RunDirectoryError
from samdomains.preparation import (
    Plan,
    begin,
    keep_recipe,
    prepare,
    require_same_recipe,
    wants_another_mix,
)
from samdomains.run_directory import RunDirectory
from samdomains.training.probe import MeasuredMemory


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("images")


@pytest.fixture
def plan(domain: Domain, labelled_folder: Path, tmp_path: Path) -> Plan:
    resolved = domain.resolve_recipe(settings=["strategy.name=decoder"])
    return prepare(domain, resolved, labelled_folder, RunDirectory(tmp_path / "run"))


def test_what_is_decided_is_told_and_nothing_is_written(
    domain: Domain, labelled_folder: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    directory = RunDirectory(tmp_path / "run")
    resolved = domain.resolve_recipe()
    plan = prepare(domain, resolved, labelled_folder, directory, tell=lines.append)
    assert [line.split(":")[0] for line in lines] == ["check", "split", "strategy"]
    assert lines[1].startswith("split: 2 train, 1 val, 2 test. ")
    assert plan.base.name == "tiny"
    assert not directory.root.exists()


def test_what_was_decided_is_kept_and_read_back_for_a_resumed_run(
    plan: Plan, domain: Domain, labelled_folder: Path
) -> None:
    keep_recipe(plan.directory, plan.resolved)
    begin(replace(plan, choice=replace(plan.choice, batch_size=3)))
    require_same_recipe(plan.directory, plan.resolved)
    again = prepare(domain, plan.resolved, labelled_folder, plan.directory)
    assert again.choice == replace(plan.choice, batch_size=3)
    begin(again)


def test_a_run_is_not_resumed_with_other_values(plan: Plan, domain: Domain) -> None:
    with pytest.raises(RunDirectoryError, match="no run to resume"):
        require_same_recipe(plan.directory, plan.resolved)
    keep_recipe(plan.directory, plan.resolved)
    other = domain.resolve_recipe(settings=["strategy.name=decoder", "model.tile=64", "seed=3"])
    with pytest.raises(RunDirectoryError, match=r"other values \(seed, model\.tile\)"):
        require_same_recipe(plan.directory, other)
    plan.directory.recipe.write_text("training: 3\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml: 'training' is a section"):
        require_same_recipe(plan.directory, plan.resolved)


def test_a_run_is_resumed_with_another_number_of_workers(plan: Plan, domain: Domain) -> None:
    keep_recipe(plan.directory, plan.resolved)
    require_same_recipe(
        plan.directory,
        domain.resolve_recipe(settings=["strategy.name=decoder", "training.workers=3"]),
    )


def test_another_mix_of_weights_may_be_asked_for_but_not_left_out(
    plan: Plan, domain: Domain
) -> None:
    directory = plan.directory
    assert not wants_another_mix(directory, plan.resolved)
    keep_recipe(directory, plan.resolved)
    begin(plan)
    directory.report.touch()
    settings = ["strategy.name=decoder", "model.interpolate=0.5"]
    mixed = domain.resolve_recipe(settings=settings)
    require_same_recipe(directory, mixed)
    assert wants_another_mix(directory, mixed)
    assert directory.complete
    begin(replace(plan, resolved=mixed))
    assert not directory.complete
    assert not wants_another_mix(directory, mixed)
    with pytest.raises(RunDirectoryError, match=r"\(model\.interpolate\).*model\.interpolate=1\."):
        require_same_recipe(directory, plan.resolved)


def test_a_run_that_was_killed_before_it_decided_is_resumed_as_a_new_one(
    plan: Plan, domain: Domain, labelled_folder: Path
) -> None:
    plan.directory.root.mkdir()
    require_same_recipe(plan.directory, plan.resolved)
    keep_recipe(plan.directory, plan.resolved)
    require_same_recipe(plan.directory, plan.resolved)
    again = prepare(domain, plan.resolved, labelled_folder, plan.directory)
    begin(again)
    assert again.choice == plan.choice
    assert json.loads(plan.directory.split.read_text()) == plan.splits.to_json()


def test_a_resumed_run_computes_with_as_many_threads_as_it_began_with(
    plan: Plan, domain: Domain, labelled_folder: Path
) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        begin(plan)
        torch.set_num_threads(1)
        prepare(domain, plan.resolved, labelled_folder, plan.directory)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_a_run_is_not_resumed_with_other_images(plan: Plan) -> None:
    begin(plan)
    parts = json.loads(plan.directory.split.read_text())
    plan.directory.split.write_text(json.dumps({**parts, "train": ["another"]}))
    with pytest.raises(RunDirectoryError, match=r"split\.json: the run began with other images"):
        begin(plan)


def test_a_run_is_not_resumed_from_other_base_weights(
    plan: Plan, domain: Domain, labelled_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(plan)
    other = replace(plan.base, sha256="ab" * 32)
    monkeypatch.setattr("samdomains.preparation.load_base", lambda *_: other)
    with pytest.raises(RunDirectoryError, match=r"other base weights .*now abab.*--checkpoint"):
        prepare(domain, plan.resolved, labelled_folder, plan.directory)


def test_a_run_is_not_resumed_with_images_prepared_otherwise(
    plan: Plan, labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(plan)
    monkeypatch.setattr(sys, "path", list(sys.path))
    local = tmp_path / "other_normalizer.py"
    local.write_text(
        "from samdomains.plugin import hookimpl, make_normalizer\n"
        "@hookimpl\n"
        "def normalize_intensity(recipe):\n"
        "    return make_normalizer(recipe.intensity)\n"
    )
    other = select_domain("images", local_plugin=local)
    with pytest.raises(RunDirectoryError, match=r"other preparation .*core, now local file other"):
        prepare(other, plan.resolved, labelled_folder, plan.directory)


@pytest.mark.parametrize(("device", "refused"), [("cpu", True), ("cuda", False)])
def test_fp16_needs_a_gpu(
    device: str,
    refused: bool,
    domain: Domain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("samdomains.preparation.best_device", lambda: torch.device(device))
    resolved = domain.resolve_recipe(settings=["training.precision=fp16"])
    error, text = (
        (RecipeError, "precision is fp16, which needs a GPU")
        if refused
        else (
            DataError,
            "absent",
        )
    )
    with pytest.raises(error, match=text):
        prepare(domain, resolved, tmp_path / "absent", RunDirectory(tmp_path / "run"))


@pytest.mark.parametrize(
    ("device", "native", "expected"),
    [("cuda", True, "bf16"), ("cuda", False, "fp16"), ("cpu", True, "no")],
)
def test_the_gpu_is_asked_whether_it_computes_in_bf16(  # noqa: PLR0917
    device: str,
    native: bool,
    expected: str,
    plan: Plan,
    domain: Domain,
    labelled_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr("samdomains.preparation.best_device", lambda: torch.device(device))
    monkeypatch.setattr("samdomains.preparation.free_memory", lambda _: 10**10)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    again = prepare(domain, plan.resolved, labelled_folder, plan.directory)
    assert again.choice.precision == expected


def test_a_part_without_objects_is_refused(
    domain: Domain, labelled_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(labelled_folder, tmp_path / "data")
    resolved = domain.resolve_recipe(settings=["data.minimum_area=100000"])
    with pytest.raises(DataError, match=r"none of the 2 images in the part 'train' holds"):
        prepare(domain, resolved, data, RunDirectory(tmp_path / "run"), check=False)


def with_a_test_image_among_the_training_images(labelled_folder: Path, folder: Path) -> Path:
    data = shutil.copytree(labelled_folder, folder / "data")
    parts = json.loads((data / "splits.json").read_text(encoding="utf-8"))
    for kind in ("images", "labels"):
        shutil.copy(data / kind / f"{parts['train'][0]}.png", data / kind / "again.png")
    parts["test"].append("again")
    (data / "splits.json").write_text(json.dumps(parts), encoding="utf-8")
    return data


def test_errors_of_the_audit_stop_before_anything_is_decided(
    domain: Domain, labelled_folder: Path, tmp_path: Path
) -> None:
    data = with_a_test_image_among_the_training_images(labelled_folder, tmp_path)
    lines: list[str] = []
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(DataError, match=r"the image in .* equals that of case"):
        prepare(domain, domain.resolve_recipe(), data, directory, tell=lines.append)
    assert [line.split(":")[0] for line in lines] == ["check"]


def test_without_the_check_it_goes_on_and_the_errors_are_kept_for_the_report(
    domain: Domain, labelled_folder: Path, tmp_path: Path
) -> None:
    data = with_a_test_image_among_the_training_images(labelled_folder, tmp_path)
    directory, resolved = RunDirectory(tmp_path / "run"), domain.resolve_recipe()
    plan = prepare(domain, resolved, data, directory, check=False)
    assert [finding.check for finding in plan.audit.errors] == ["duplicate_across_splits"]


def test_demo_data_is_generated_inside_the_run_and_again_on_resuming(
    domain: Domain, tmp_path: Path
) -> None:
    directory, resolved = RunDirectory(tmp_path / "run"), domain.resolve_recipe()
    prepare(domain, resolved, None, directory)
    half = directory.demo_data / "images" / "scene_00.png"
    content = half.read_bytes()
    half.write_bytes(b"")
    prepare(domain, resolved, None, directory)
    assert half.read_bytes() == content


def test_a_machine_with_little_memory_is_measured_and_the_choice_kept(
    domain: Domain, labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, int]] = []

    def measure(*arguments: Any, objects: int) -> MeasuredMemory:
        measured.append((arguments[3], objects))
        return MeasuredMemory(resting=0, fixed=10**8, per_image=10**8, gradients=10**7)

    monkeypatch.setattr("samdomains.preparation.measure_memory", measure)
    monkeypatch.setattr("samdomains.preparation.free_memory", lambda _: 3 * 10**8)
    lines: list[str] = []
    resolved, directory = domain.resolve_recipe(), RunDirectory(tmp_path / "run")
    plan = prepare(domain, resolved, labelled_folder, directory, tell=lines.append)
    begin(plan)
    (name, objects), *more = measured
    assert (name, more) == ("decoder", [])
    assert 1 <= objects <= 8
    assert (plan.choice.batch_size, plan.choice.images_at_once) == (4, 1)
    assert lines[-2:] == [
        "memory: measuring what decoder takes on cpu",
        f"strategy: decoder. {' '.join(plan.choice.reasons)}",
    ]
    assert "predicted peak 0.2 GB of 0.3 GB free" in lines[-1]
    again = prepare(domain, resolved, labelled_folder, directory)
    assert again.choice == plan.choice
    assert len(measured) == 1
