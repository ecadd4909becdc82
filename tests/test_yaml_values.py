from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import RecipeError
from samdomains.yaml_values import dump_value, load_yaml

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-5", 5e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("007", 7),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("2024-01-31", "2024-01-31"),
        ("1:30", "1:30"),
        ("", None),
        ("null", None),
        ("[0, 1, 1]", [0, 1, 1]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert load_yaml(text, "test") == value
    assert type(load_yaml(text, "test")) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 1\ntraining: {a", r"mine\.yaml, line 2: not valid YAML"),
        ("seed: 1\nseed: 2\n", r"mine\.yaml, line 2: .*'seed' is given twice"),
        ("a: 1\nb: \x00\n", r"mine\.yaml, line 2: not valid YAML"),
        ("!!python/object/apply:os.getcwd []", r"mine\.yaml, line 1: not valid YAML"),
        ("a: 1\n---\nb: 2\n", r"mine\.yaml, line 2"),
        ("[" * 5000, r"mine\.yaml: cannot be read"),
        ("9" * 5000, r"mine\.yaml: cannot be read"),
    ],
)
def test_what_is_not_yaml_is_an_error_with_source_and_line(text: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        load_yaml(text, "mine.yaml")


@given(SCALARS)
def test_a_value_written_is_read_back_by_this_reader_and_by_yaml_1_1(value: object) -> None:
    text = dump_value(value)
    assert "\n" not in text
    for document in (text, f"key: {text}  # origin"):
        expected = value if document is text else {"key": value}
        assert load_yaml(document, "test") == expected
        assert yaml.safe_load(document) == expected


def test_a_list_stays_on_one_line() -> None:
    assert dump_value(("box", "point+3", "a: b")) == '[box, point+3, "a: b"]'
