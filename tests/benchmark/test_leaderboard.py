from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from samdomains.benchmark.leaderboard import leaderboard
from samdomains.benchmark.matrix import CellResult
from samdomains.benchmark.suites import Suite
from samdomains.chain import select_domain

from .made import result, results


def table(cells: list[CellResult], **missing: str) -> dict[str, Any]:
    return leaderboard(select_domain("images"), Suite(title="Cells"), cells, missing)


def rows(content: dict[str, Any], index: int) -> dict[str, dict[str, Any]]:
    return {row["system"]: row for row in content["tables"][index]["rows"]}


def test_each_number_of_images_has_a_table_with_the_untuned_systems_in_it() -> None:
    content = table(results())
    assert [(t["images"], t["train"]) for t in content["tables"]] == [(5, 5), ("all", 20)]
    for index in (0, 1):
        assert set(rows(content, index)) == {"zero_shot", "box_ellipse", "decoder", "unet"}
    few, every = (rows(content, index)["decoder"] for index in (0, 1))
    assert few["prompts"]["box"]["dice"]["mean"] < every["prompts"]["box"]["dice"]["mean"]
    low, high = every["prompts"]["box"]["dice"]["ci95"]
    assert low < every["prompts"]["box"]["dice"]["mean"] < high


def test_a_tuned_sam_is_compared_with_its_untuned_self_and_with_the_u_net() -> None:
    compared = table(results())["tables"][1]["comparisons"]
    gains = {entry["against"]: entry["mean"] for entry in compared}
    assert gains == {"zero_shot": pytest.approx(0.1), "unet": pytest.approx(-0.05)}
    assert all(entry["p"] <= entry["p_holm"] <= 1 for entry in compared)


def test_seeds_are_averaged_case_by_case() -> None:
    cells = [
        result("untuned", {"zero_shot": 0.7}),
        result("lora", {"tuned": 0.8}),
        result("lora", {"tuned": 0.6}, seed=1),
    ]
    content = table(cells)["tables"][0]
    assert content["seeds"] == [0, 1]
    lora = content["rows"][1]
    assert lora["prompts"]["box"]["dice"]["mean"] == pytest.approx(0.7, abs=0.02)
    assert lora["prompts"]["box"]["dice"]["n"] == 8  # cases, however many seeds
    assert lora["seconds"] == 30.5


def test_whole_objects_of_volumes_stand_beside_their_slices() -> None:
    def entry(dice: float | None) -> dict[str, Any]:
        return {"box@middle": {m: {"mean": dice} for m in ("dice", "nsd", "hd95_mm")}}

    volumes = {"tuned": entry(0.8), "zero_shot": entry(None)}
    cells = [
        result("untuned", {"zero_shot": 0.7}),
        replace(result("lora", {"tuned": 0.8}), metrics={"volumes": volumes}),
    ]
    rows = {row["system"]: row["volumes"] for row in table(cells)["tables"][0]["rows"]}
    assert rows["lora"]["box@middle"]["nsd"] == 0.8
    assert math.isnan(rows["zero_shot"]["box@middle"]["dice"])


def test_what_failed_or_is_missing_is_told_and_the_others_stand() -> None:
    cells = results()
    cells[1] = replace(cells[1], error="Traceback\nValueError: broken")
    content = table(cells, roads="is not there")
    assert set(content["failed"]) == {"roads", "nuclei-tiny-decoder-5-seed0"}
    assert set(rows(content, 0)) == {"zero_shot", "box_ellipse", "unet"}


def test_a_data_set_of_which_only_untuned_systems_are_scored_has_a_table() -> None:
    content = table([result("untuned", {"zero_shot": 0.7, "box_ellipse": 0.6})])
    assert [t["images"] for t in content["tables"]] == ["all"]


def test_two_models_are_told_apart() -> None:
    cells = [
        result("untuned", {"zero_shot": 0.7, "box_ellipse": 0.6}),
        result("untuned", {"zero_shot": 0.8, "box_ellipse": 0.6}, model="vit_b"),
        result("full", {"tuned": 0.9}, model="vit_b"),
    ]
    content = table(cells)["tables"][0]
    named = [(row["system"], row["model"]) for row in content["rows"]]
    assert named == [
        ("zero_shot", "tiny"),
        ("box_ellipse", ""),
        ("zero_shot", "vit_b"),
        ("full", "vit_b"),
    ]
    (entry,) = content["comparisons"]
    assert (entry["model"], entry["against"]) == ("vit_b", "zero_shot")


def test_results_of_generated_data_say_so() -> None:
    assert table([result("untuned", {"zero_shot": 0.7}, data="generated")])["generated"]
    assert not table(results())["generated"]
