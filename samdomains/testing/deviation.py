"""Overriding a check of the conformance kit, which needs a stated reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Check = TypeVar("_Check", bound=Callable[..., object])

REASON = "samdomains_deviation"
"""Attribute of an overriding check that holds its reason."""


def deviates(reason: str) -> Callable[[_Check], _Check]:
    """Mark a method that overrides a check of the kit, and say why the domain needs another.

    Args:
        reason: A sentence for the reader of the tests.

    Raises:
        ValueError: The reason is empty.
    """
    if not reason.strip():
        raise ValueError("a deviation needs a reason, got an empty one")

    def mark(check: _Check) -> _Check:
        setattr(check, REASON, reason)
        return check

    return mark


def require_reasons(subclass: type, base: type) -> None:
    """Refuse a subclass that overrides checks of ``base`` without ``deviates``, inherited or not.

    Raises:
        TypeError: Names the checks, or the recipe in ``unfit`` without a reason.
    """
    checks = sorted(name for name in vars(base) if name.startswith("test_"))
    silent = [
        name
        for name in checks
        if getattr(subclass, name) is not vars(base)[name]
        and not hasattr(getattr(subclass, name), REASON)
    ]
    if silent:
        raise TypeError(
            f"{subclass.__name__} overrides {', '.join(silent)} of the conformance kit without a "
            'reason. Decorate each with @deviates("why this domain needs another check")'
        )
    for recipe, reason in getattr(subclass, "unfit", {}).items():
        if not reason.strip():
            raise TypeError(
                f"{subclass.__name__} calls the recipe '{recipe}' unfit without a reason; say why"
            )
