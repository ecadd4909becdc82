"""Label maps that lose nothing: 16-bit PNG in which each value is one object, with a JSON beside.

For the image ``a`` the folder holds

* ``a.png``: 0 is background, every other value one object. Objects that overlap some of these
  stand in ``layer2/a.png``, what overlaps there too in ``layer3/a.png``, and so on;
* ``a.json``: the classes, and each object's layer, value, class and crowd flag, in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.data.images import image_size, read_mask
from samdomains.data.metadata import read_json_object, require_distinct_names
from samdomains.data.objects import crops_by_value
from samdomains.errors import DataError
from samdomains.files import atomic_path, write_text
from samdomains.types import Mask, ObjectMask, Size

SCHEMA = 1
MOST_VALUES = 2**16 - 1
"""Objects in one 16-bit layer."""

_REMEDY = "Convert the data again, or correct the file by hand."


@dataclass(frozen=True, slots=True)
class LabelMapObjects:
    """Reads the objects of one image from its label maps.

    Attributes:
        image: The image, for its size.
        sidecar: The JSON file beside the first label map.
        classes: Class id → name, the same for every image of a data set.
    """

    image: Path
    sidecar: Path
    classes: Mapping[int, str] = field(hash=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that errors about the annotation name."""
        return (self.sidecar,)

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects in the order in which they were written.

        Raises:
            DataError: The files are damaged, do not agree or are of another size than the image.
        """
        document = read_json_object(self.sidecar)
        if read_sidecar_classes(self.sidecar) != self.classes:
            raise DataError(self.sidecar, "its classes differ from those of other images", _REMEDY)
        entries = document.get("objects")
        if not isinstance(entries, list) or not isinstance(document.get("layers"), int):
            raise DataError(self.sidecar, "'objects' or 'layers' is missing or malformed", _REMEDY)
        size = image_size(self.image)
        crops = self._read_crops(document["layers"], size)
        objects = tuple(self._object(entry, crops, size) for entry in entries)
        if crops:
            layer, value = next(iter(crops))
            problem = f"it does not list value {value} of layer {layer}"
            raise DataError(self.sidecar, problem, _REMEDY)
        return objects

    def _read_crops(
        self, layers: int, size: Size
    ) -> dict[tuple[int, int], tuple[Mask, tuple[int, int]]]:
        """(layer, value) → crop and its (y, x)."""
        crops = {}
        for layer in range(1, layers + 1):
            path = layer_path(self.sidecar.parent, self.sidecar.stem, layer)
            values = read_mask(path)
            require_size(path, values, self.image, size)
            for value, crop, origin in crops_by_value(values):
                crops[layer, value] = crop, origin
        return crops

    def _object(
        self,
        entry: Any,  # noqa: ANN401 (whatever JSON holds)
        crops: dict[tuple[int, int], tuple[Mask, tuple[int, int]]],
        size: Size,
    ) -> ObjectMask:
        """Take the object that an entry of the sidecar names out of ``crops``."""
        expected = {"layer": int, "value": int, "class": int, "crowd": bool}
        if (
            not isinstance(entry, dict)
            or {key: type(value) for key, value in entry.items()} != expected
        ):
            raise DataError(self.sidecar, f"an object has not exactly {list(expected)}", _REMEDY)
        if entry["class"] not in self.classes:
            raise DataError(self.sidecar, f"there is no class {entry['class']}", _REMEDY)
        found = crops.pop((entry["layer"], entry["value"]), None)
        if found is None:
            problem = f"layer {entry['layer']} has no (second) object of value {entry['value']}"
            raise DataError(self.sidecar, problem, _REMEDY)
        crop, origin = found
        return ObjectMask(crop, origin, size, entry["class"], entry["crowd"])


def require_size(path: Path, values: NDArray[np.int64], image: Path, size: Size) -> None:
    """Refuse a mask of another size than its image.

    Args:
        path: The mask file.
        values: (H, W), its values.
        image: The image file.
        size: (H, W) of the image.

    Raises:
        DataError: The sizes differ.
    """
    if values.shape != size:
        raise DataError(
            path,
            f"the mask is {values.shape[1]} x {values.shape[0]} pixels (width x height), its image "
            f"{image} is {size[1]} x {size[0]}",
            "Export the mask at the image's size; it is not resized, since that moves borders.",
        )


def read_sidecar_classes(path: Path) -> dict[int, str]:
    """The classes that a sidecar names, id → name; here 0 may be a class.

    Raises:
        DataError: The file is malformed or of another schema.
    """
    document = read_json_object(path)
    classes = document.get("classes")
    if document.get("schema") != SCHEMA or not isinstance(classes, dict):
        raise DataError(path, f"it is not a list of objects of schema {SCHEMA}", _REMEDY)
    if not all(
        key.removeprefix("-").isdecimal() and isinstance(name, str) for key, name in classes.items()
    ):
        raise DataError(path, "'classes' is not a mapping from ids to names", _REMEDY)
    named = {int(key): name for key, name in classes.items()}
    require_distinct_names(path, named)
    return named


def layer_path(folder: Path, stem: str, layer: int) -> Path:
    """The label map of one layer, counted from 1."""
    return folder / f"{stem}.png" if layer == 1 else folder / f"layer{layer}" / f"{stem}.png"


def is_label_map_sidecar(path: Path) -> bool:
    """Whether a file is the JSON beside a label map, rather than a mask or JSON of another kind."""
    if path.suffix.lower() != ".json" or not layer_path(path.parent, path.stem, 1).is_file():
        return False
    return {"schema", "layers", "objects"} <= read_json_object(path).keys()


def label_map_files(sidecar: Path) -> tuple[Path, ...]:
    """The label maps of a sidecar, layer by layer.

    Raises:
        DataError: The sidecar is not JSON.
    """
    layers = range(1, int(read_json_object(sidecar)["layers"]) + 1)
    return tuple(layer_path(sidecar.parent, sidecar.stem, layer) for layer in layers)


def write_label_maps(
    folder: Path,
    stem: str,
    objects: Sequence[ObjectMask],
    *,
    size: Size,
    classes: Mapping[int, str],
) -> tuple[Path, ...]:
    """Write the objects of one image; no pixel, overlap, order or class is lost.

    Args:
        folder: Where to write.
        stem: Name of the image without suffix.
        objects: Of that image; none gives an empty label map.
        size: (H, W) of the image.
        classes: Class id → name, of the whole data set.

    Returns:
        The files written, label maps first.
    """
    layers, places = _stack(objects, size)
    paths = [layer_path(folder, stem, layer) for layer in range(1, len(layers) + 1)]
    for path, labels in zip(paths, layers, strict=True):
        with atomic_path(path) as temporary:
            PillowImage.fromarray(labels).save(temporary)
    document = {
        "schema": SCHEMA,
        "classes": {str(class_id): name for class_id, name in classes.items()},
        "layers": len(layers),
        "objects": [
            {"layer": layer, "value": value, "class": obj.class_id, "crowd": obj.crowd}
            for obj, (layer, value) in zip(objects, places, strict=True)
        ],
    }
    sidecar = folder / f"{stem}.json"
    write_text(sidecar, json.dumps(document, ensure_ascii=False) + "\n")
    return (*paths, sidecar)


def _stack(
    objects: Sequence[ObjectMask], size: Size
) -> tuple[list[NDArray[np.uint16]], list[tuple[int, int]]]:
    """Put each object into the first layer where it covers no other one.

    Returns:
        The layers, (H, W) each, at least one; and the (layer from 1, value) of each object.
    """
    layers = [np.zeros(size, dtype=np.uint16)]
    values = [0]
    places = []
    for obj in objects:
        (y, x), (height, width) = obj.origin, obj.crop.shape
        for index, labels in enumerate(layers):
            window = labels[y : y + height, x : x + width]
            if values[index] < MOST_VALUES and not window[obj.crop].any():
                break
        else:
            index = len(layers)
            layers.append(np.zeros(size, dtype=np.uint16))
            values.append(0)
            window = layers[index][y : y + height, x : x + width]
        values[index] += 1
        window[obj.crop] = values[index]
        places.append((index + 1, values[index]))
    return layers, places
