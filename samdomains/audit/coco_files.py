"""Taking annotations and images out of a COCO JSON file, with all else in it left as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from samdomains.audit.mending import Mended
from samdomains.data.metadata import read_json_object
from samdomains.data.rle import rle_from_object
from samdomains.errors import DataError
from samdomains.files import write_text


class CocoFile:
    """A COCO JSON file that is being changed; ``write`` puts the changes into it.

    Args:
        path: The file.

    Raises:
        DataError: It is not COCO JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._document: dict[str, Any] = read_json_object(path)
        if not {"images", "annotations"} <= self._document.keys():
            raise self._error("JSON of another kind than COCO")

    def change(self, case_id: str, objects: Sequence[Mended]) -> None:
        """Put the mended objects of one image in the place of its annotations.

        Raises:
            DataError: An annotation is a polygon that would have to become a mask, or the objects
                are not the annotations.
        """
        key = self._image(case_id)["id"]
        entries = [entry for entry in self._document["annotations"] if entry["image_id"] == key]
        if len(entries) != len(objects):
            raise self._error(f"{len(entries)} annotations of '{case_id}' are not its objects")
        changed: dict[int, Any] = {}
        for entry, mended in zip(entries, objects, strict=True):
            if mended.after is None:
                changed[id(entry)] = None
            elif mended.specks or mended.holes:
                changed[id(entry)] = self._with_mask(entry, mended)
        kept = (changed.get(id(entry), entry) for entry in self._document["annotations"])
        self._document["annotations"] = [entry for entry in kept if entry is not None]

    def drop(self, case_id: str) -> None:
        """Take out an image and its annotations."""
        image = self._image(case_id)
        for section, key in (("images", "id"), ("annotations", "image_id")):
            entries = self._document[section]
            self._document[section] = [entry for entry in entries if entry[key] != image["id"]]

    def write(self) -> None:
        """Write the file, atomically."""
        write_text(self.path, json.dumps(self._document, ensure_ascii=False) + "\n")

    def _image(self, case_id: str) -> dict[str, Any]:
        """The entry of an image; names of files are told apart without their suffixes."""
        for image in self._document["images"]:
            if PurePosixPath(image["file_name"]).stem == case_id:
                found: dict[str, Any] = image
                return found
        raise self._error(f"the entry of '{case_id}', which is not there,")

    def _with_mask(self, entry: dict[str, Any], mended: Mended) -> dict[str, Any]:
        if isinstance(entry["segmentation"], list):
            raise self._error(f"the polygon of annotation {entry.get('id')}")
        assert mended.after is not None
        (y, x), (height, width) = mended.after.origin, mended.after.crop.shape
        mask = rle_from_object(mended.after)
        return {
            **entry,
            "segmentation": mask,
            "area": mended.after.area,
            "bbox": [x, y, width, height],
        }

    def _error(self, what: str) -> DataError:
        problem = f"{what} cannot be changed without loss"
        return DataError(self.path, problem, "Correct it in the tool that it was drawn with.")
