from __future__ import annotations

import math
from pathlib import Path

from samdomains.testing.subject import subject_of
from samdomains.testing.training import two_steps


def test_two_steps_give_a_finite_loss(tmp_path: Path) -> None:
    assert math.isfinite(two_steps(subject_of("images"), "default", tmp_path / "run"))
