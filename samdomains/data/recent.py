"""What was read of volumes and scenes last, kept for their next slice or tile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from samdomains.data.spool import Spool
from samdomains.types import ObjectMask

T = TypeVar("T")

KEPT_BYTES = 2**28
"""Memory for what was read last, in each process; one larger thing is kept alone."""

SPOOLED_BYTES = 2**33
"""Disk for the slices of the volumes read last, in each process; a larger one is kept alone."""

ON_DISK = (Spool, np.memmap)
"""What needs no memory."""

MOST_SPOOLS = 64
"""Files that these are in: a process may open a thousand or fewer."""


@dataclass(slots=True)
class Recent:
    """What was read last, up to ``KEPT_BYTES`` in memory and ``SPOOLED_BYTES`` on disk.

    Attributes:
        kept: By reader, the one used longest ago first.
    """

    kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under ``key``, made now if it is not."""
        if key not in self.kept:
            made = make()
            self.kept[key] = made
            while len(self.kept) > 1 and self._too_much():
                self.kept.popitem(last=False)
        self.kept.move_to_end(key)
        return cast("T", self.kept[key])

    def _too_much(self) -> bool:
        spools = [value.nbytes for value in self.kept.values() if isinstance(value, ON_DISK)]
        return (
            sum(map(_size, self.kept.values())) > KEPT_BYTES
            or sum(spools) > SPOOLED_BYTES
            or len(spools) > MOST_SPOOLS
        )


def _size(value: object) -> int:
    """Bytes of pixels in an array, or in a sequence or mapping of objects."""
    if isinstance(value, np.ndarray) and not isinstance(value, ON_DISK):
        return value.nbytes
    if isinstance(value, ObjectMask):
        return value.crop.nbytes
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, tuple) else 0


recent = Recent()
"""Of this process."""
