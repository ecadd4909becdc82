from __future__ import annotations

from samdomains.training.accelerators import fresh_accelerator


def test_a_second_accelerator_of_a_process_has_the_precision_that_it_asks_for() -> None:
    precisions = [fresh_accelerator(p).mixed_precision for p in ("bf16", "no", "bf16")]
    assert precisions == ["bf16", "no", "bf16"]
