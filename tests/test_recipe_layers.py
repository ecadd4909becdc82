from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import RecipeError
from samdomains.recipe import Recipe
from samdomains.recipe_layers import (
    RecipeLayer,
    parse_setting,
    read_recipe_file,
    recipe_to_yaml,
    resolve_recipe,
)


def resolve(values: Any) -> Recipe:
    return resolve_recipe([RecipeLayer("mine.yaml", values)]).recipe


def test_without_layers_every_value_is_the_cores() -> None:
    resolved = resolve_recipe([])
    assert resolved.recipe == Recipe()
    assert set(resolved.origins.values()) == {"core"}
    assert {"seed", "training.learning_rate", "evaluation.prompts"} <= set(resolved.origins)


def test_a_later_layer_wins_value_by_value_and_each_origin_is_kept() -> None:
    resolved = resolve_recipe(
        [
            RecipeLayer("domain ct", {"training": {"epochs": 5, "patience": 2}, "seed": 1}),
            RecipeLayer("mine.yaml", {"training": {"epochs": 6}}),
            RecipeLayer("command line", parse_setting("training.epochs=7")),
        ]
    )
    assert resolved.recipe.training.epochs == 7
    assert resolved.recipe.training.patience == 2
    assert resolved.origins["training.epochs"] == "command line"
    assert resolved.origins["training.patience"] == "domain ct"
    assert resolved.origins["training.learning_rate"] == "core"


def test_a_setting_is_typed_as_yaml_1_2() -> None:
    assert parse_setting("training.learning_rate=5e-5") == {"training": {"learning_rate": 5e-5}}
    assert parse_setting("training.precision=no") == {"training": {"precision": "no"}}
    assert parse_setting("model.checkpoint=a=b.pth") == {"model": {"checkpoint": "a=b.pth"}}
    assert resolve(parse_setting("intensity.channels=[0, 1, 1]")).intensity.channels == (0, 1, 1)


@pytest.mark.parametrize("text", ["training.epochs", "=3", "training..epochs=3", ""])
def test_a_setting_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="KEY=VALUE"):
        parse_setting(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"training": {"lerning_rate": 1}},
            "'training.lerning_rate'. Did you mean 'training.learning_rate'?",
        ),
        ({"trianing": {"epochs": 1}}, "'trianing'. Did you mean 'training'?"),
        ({"training": {"epocs": 3}}, "'training.epocs'. Did you mean 'training.epochs'?"),
        ({"training": {"zzz": 3}}, "'training.zzz'. Allowed in 'training': learning_rate"),
        ({"learning_rate": 1}, "'learning_rate'. Did you mean 'training.learning_rate'?"),
        ({"training": {"lora_rank": 1}}, "Did you mean 'strategy.lora_rank'?"),
        ({1: 2}, "unknown key '1'"),
    ],
)
def test_a_misspelt_key_says_where_it_stands_and_which_was_meant(
    values: object, expected: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        resolve(values)
    assert str(caught.value).startswith("mine.yaml: unknown key")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"training": {"epochs": "many"}},
            'mine.yaml: training.epochs is "many"; allowed: a valid integer',
        ),
        ({"training": {"epochs": "3"}}, 'training.epochs is "3"; allowed: a valid integer'),
        ({"training": {"epochs": True}}, "training.epochs is true; allowed: a valid integer"),
        ({"training": {"epochs": 0}}, "training.epochs is 0; allowed: greater than or equal to 1"),
        (
            {"model": {"zoom": 16}},
            "model.zoom is 16; allowed: 'auto' or greater than or equal to 32",
        ),
        (
            {"model": {"interpolate": 1.3}},
            "model.interpolate is 1.3; allowed: 'auto' or less than or equal to 1",
        ),
        (
            {"model": {"interpolate": "best"}},
            "model.interpolate is \"best\"; allowed: 'auto' or a valid number",
        ),
        (
            {"augmentation": {"flip": 1.5}},
            "augmentation.flip is 1.5; allowed: less than or equal to 1",
        ),
        ({"intensity": {"per_channel": 1}}, "intensity.per_channel is 1; allowed: a valid boolean"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate is NaN"),
        ({"strategy": {"name": "lroa"}}, "'auto', 'decoder', 'lora' or 'full'"),
        ({"evaluation": {"prompts": ["box", "x"]}}, 'evaluation.prompts is ["box", "x"]; allowed:'),
        ({"training": {"epochs": {"a": 1}}}, 'training.epochs is {"a": 1}'),
        ({"training": 5}, "'training' is a section"),
        ({"training": None}, "'training' is a section"),
        ({"model": {"checkpoint": Path("x")}}, "model.checkpoint is of type"),
        (
            {"intensity": {"lower": 100.0, "upper": 1}},
            "intensity: lower must be below upper, got 100.0 and 1.0",
        ),
    ],
)
def test_a_wrong_value_names_origin_key_value_and_what_is_allowed(
    values: object, expected: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        resolve(values)
    message = str(caught.value)
    assert expected in message
    assert "mine.yaml" in message
    assert "\n" not in message


def test_a_whole_number_is_a_valid_rate() -> None:
    assert resolve({"training": {"learning_rate": 1}}).training.learning_rate == 1.0


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: fast\ntraining:\n  learning_rate: 5e-5\n")
    assert read_recipe_file(file) == {"name": "fast", "training": {"learning_rate": 5e-5}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1: a recipe holds 'key: value' lines, got nothing"),
        (b"- 1\n- 2\n", "line 1: .* got a list"),
        (b"training: {epochs: 3", "line 1: not valid YAML"),
        (b"seed: 1\nname: \xff\xfe\n", "line 2: not UTF-8"),
    ],
)
def test_a_damaged_recipe_file_is_named_with_its_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(RecipeError, match=rf"mine\.yaml, {expected}"):
        read_recipe_file(file)


def test_a_missing_recipe_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"absent\.yaml: the recipe cannot be read"):
        read_recipe_file(tmp_path / "absent.yaml")


def test_yaml_shows_each_origin() -> None:
    resolved = resolve_recipe([RecipeLayer("mine.yaml", {"training": {"learning_rate": 5e-5}})])
    lines = recipe_to_yaml(resolved, with_origins=True).splitlines()
    assert "  learning_rate: 5.0e-05  # mine.yaml" in lines
    assert "  epochs: 30  # core" in lines
    assert "#" not in recipe_to_yaml(resolved, with_origins=False)


@given(
    rate=st.floats(1e-9, 1.0),
    checkpoint=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    channels=st.none() | st.lists(st.integers(0, 9), min_size=3, max_size=3),
    precision=st.sampled_from(["auto", "no", "fp16", "bf16"]),
    with_origins=st.booleans(),
)
def test_yaml_written_and_read_back_is_the_same_recipe(
    tmp_path_factory: pytest.TempPathFactory,
    rate: float,
    checkpoint: str | None,
    channels: list[int] | None,
    precision: str,
    with_origins: bool,
) -> None:
    values = {
        "training": {"learning_rate": rate, "precision": precision},
        "model": {"checkpoint": checkpoint},
        "intensity": {"channels": channels},
    }
    resolved = resolve_recipe([RecipeLayer("test", values)])
    file = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    file.write_text(
        recipe_to_yaml(resolved, with_origins=with_origins), encoding="utf-8", newline=""
    )
    again = resolve_recipe([RecipeLayer(str(file), read_recipe_file(file))])
    assert again.recipe == resolved.recipe
