from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from samdomains.benchmark.cells import Laboratory, seconds_for_unet, values_by_case
from samdomains.benchmark.data import FoundData
from samdomains.benchmark.folder import ResultsFolder
from samdomains.benchmark.matrix import Cell
from samdomains.benchmark.suites import DataSet, Suite
from samdomains.chain import select_domain
from samdomains.checking import silent
from samdomains.errors import TrainingError
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.scores import Scores
from samdomains.recipe_layers import read_recipe_file
from samdomains.sam.embedding_cache import EmbeddingCache

from .made import result

DATA = FoundData(
    DataSet(
        name="nuclei",
        path="nuclei",
        title="Nuclei: of a mouse",
        source="",
        licence="",
        recipe={"training": {"epochs": 7}},
    ),
    Path("nuclei"),
    "ab" * 32,
)
CELL = Cell("nuclei", "lora", "tiny", 5, 3)


def laboratory(folder: Path, *settings: str) -> Laboratory:
    suite = Suite(title="Cells", recipe={"training": {"epochs": 5, "batch_size": 3}})
    return Laboratory(
        select_domain("images"),
        None,
        suite,
        ResultsFolder(folder),
        settings,
        EmbeddingCache(folder / "embeddings"),
        silent,
    )


def score(case: str, dice: float, index: int = 0) -> ObjectScore:
    return ObjectScore(
        case=case,
        group=f"group of {case}",
        class_name="cell",
        object_index=index,
        system="tuned",
        prompt="box",
        dice=dice,
        iou=math.nan,
        predicted_iou=0.5,
        area=9,
    )


def test_values_of_the_data_set_stand_over_those_of_the_suite_and_bear_its_file(
    tmp_path: Path,
) -> None:
    resolved = laboratory(tmp_path, "training.batch_size=2").resolved(CELL, DATA)
    recipe, origins = resolved.recipe, resolved.origins
    assert recipe.training.epochs == 7
    assert origins["training.epochs"] == str(tmp_path / "recipes" / "nuclei.yaml")
    assert recipe.training.batch_size == 2
    assert (recipe.seed, recipe.strategy.name, recipe.data.train_images) == (3, "lora", 5)
    assert "auto" in recipe.evaluation.prompts
    assert read_recipe_file(tmp_path / "recipes" / "nuclei.yaml")["name"] == "default"


def test_a_fingerprint_depends_on_recipe_data_and_cell(tmp_path: Path) -> None:
    own = laboratory(tmp_path).fingerprint(CELL, DATA)
    others = {
        laboratory(tmp_path).fingerprint(replace(CELL, seed=4), DATA),
        laboratory(tmp_path).fingerprint(CELL, replace(DATA, sha256="cd" * 32)),
        laboratory(tmp_path, "training.clip_norm=2").fingerprint(CELL, DATA),
    }
    assert laboratory(tmp_path / "elsewhere").fingerprint(CELL, DATA) == own
    assert own not in others
    assert len(others) == 3


def test_a_u_net_gets_the_time_of_the_slowest_strategy_on_the_same_images() -> None:
    unet = Cell("nuclei", "unet", "", "all", 0)
    slow = replace(result("full", {"tuned": 0.5}), seconds={"tune": 90.0, "test": 500.0})
    other = replace(result("full", {"tuned": 0.5}, images=5), seconds={"tune": 999.0})
    done = [result("untuned", {"zero_shot": 0.5}), result("decoder", {"tuned": 0.5}), slow, other]
    assert seconds_for_unet(unet, done) == 90.0
    with pytest.raises(TrainingError, match="none of them came to its end"):
        seconds_for_unet(unet, done[:1])


def test_objects_are_averaged_in_their_case_and_what_has_no_value_is_left_out() -> None:
    scores = Scores((score("a", 0.5), score("a", 0.7, 1), score("b", math.nan)))
    values, groups = values_by_case(scores)
    assert values == {"dice": {"tuned": {"box": {"a": pytest.approx(0.6)}}}}
    assert groups == {"a": "group of a", "b": "group of b"}
