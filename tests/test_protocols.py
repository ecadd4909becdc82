from __future__ import annotations

import inspect

import pytest

from samdomains import protocols

ROLES = [
    value
    for value in vars(protocols).values()
    if inspect.isclass(value) and value.__module__ == protocols.__name__
]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_every_role_says_what_it_is_called_with(role: type) -> None:
    assert inspect.getdoc(role)
    methods = [m for name, m in vars(role).items() if inspect.isfunction(m) and name != "__init__"]
    assert any(inspect.getdoc(method) for method in methods)
