from __future__ import annotations

import numpy as np

from samdomains.volumes.sections import BACKGROUND, MARGIN, Section


def test_a_section_keeps_what_is_near_the_object() -> None:
    logits = np.full((40, 50), -3, dtype=np.float32)
    logits[10:20, 30:45] = 2
    section = Section.of(7, logits, 1.2, -0.1)
    assert (section.index, section.size) == (7, (40, 50))
    assert (section.predicted, section.confidence) == (1.0, 0.0)
    assert section.origin == (10 - MARGIN, 30 - MARGIN)
    np.testing.assert_array_equal(section.mask(), logits > 0)
    assert section.logits()[0, 0] == BACKGROUND
    assert section.logits()[9, 30] == -3
