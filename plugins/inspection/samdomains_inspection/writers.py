"""The native writer of inspection: a label map and a table of the defects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.plugin import Case, LabelPngWriter, ObjectMask, file_stem, write_text
from samdomains_inspection.table import defect_table


@dataclass(frozen=True)
class DefectWriter:
    """Writes ``<id>.png`` and ``<id>.json``, as the core does, and ``<id>_defects.csv``.

    The first row of the table is the first object of the JSON file, and so on. Where defects do not
    overlap, the number of a row is its value in the label map.

    Attributes:
        pixel_size: Side of a pixel in millimetres, or None for a table in pixels alone.
    """

    pixel_size: float | None = None

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the defects of one image under the folder ``out``; returns the files.

        Raises:
            DataError: The id of the case is no file name.
        """
        maps = LabelPngWriter()(case, objects, out)
        table = out / f"{file_stem(case)}_defects.csv"
        write_text(table, defect_table(case.id, objects, case.classes, self.pixel_size))
        return [*maps, table]
