from __future__ import annotations

from samdomains.chain import select_domain
from samdomains.recipe import Recipe
from samdomains.testing.strategies import LAPTOP, SERVER, require_trainable


def test_the_cores_choice_can_be_trained_on_both_machines() -> None:
    assert (LAPTOP.device, SERVER.device) == ("cpu", "cuda")
    require_trainable(select_domain("images"), Recipe())
