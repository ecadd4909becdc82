"""What was read of volumes and scenes last, kept for their next slice or tile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from samdomains.types import ObjectMask

T = TypeVar("T")

KEPT_BYTES = 2**30
"""Memory for what was read last, in each process; one larger volume is kept alone."""


@dataclass(slots=True)
class Recent:
    """What was read last, up to ``KEPT_BYTES`` of pixels.

    Attributes:
        kept: By reader, the one used longest ago first.
    """

    kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under ``key``, made now if it is not."""
        if key not in self.kept:
            made = make()
            while self.kept and self._bytes() + _size(made) > KEPT_BYTES:
                self.kept.popitem(last=False)
            self.kept[key] = made
        self.kept.move_to_end(key)
        return cast("T", self.kept[key])

    def _bytes(self) -> int:
        return sum(_size(value) for value in self.kept.values())


def _size(value: object) -> int:
    """Bytes of pixels in an array, or in a sequence or mapping of objects."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, ObjectMask):
        return value.crop.nbytes
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, tuple) else 0


recent = Recent()
"""Of this process."""
