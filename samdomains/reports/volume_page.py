"""What was found in a volume, as a page of its own or a section of the run's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from samdomains.reports.curves import confidence_curve
from samdomains.reports.pages import data_uri, rendered, write_page
from samdomains.reports.volume_figures import (
    DOUBTED,
    PREDICTED,
    PROMPTED,
    TRUE,
    FollowedObject,
    VolumePicture,
    strip,
    three_views,
)

MOST_OBJECTS = 8
"""Planes and curves are shown of this many objects at most, the largest."""

COLOURS = {"predicted": PREDICTED, "true": TRUE, "prompted": PROMPTED, "doubted": DOUBTED}


def write_volume_page(path: Path, picture: VolumePicture) -> None:
    """Write a page about one volume as a single HTML file, atomically.

    Args:
        path: The file to write or replace.
        picture: The volume. Any text in it is shown as text.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> target = Path(tempfile.mkdtemp()) / "scan.html"
        >>> grey = np.zeros((3, 8, 8), dtype=np.float32)
        >>> write_volume_page(target, VolumePicture("scan", grey, (8, 8), ()))
        >>> "<h1>scan</h1>" in target.read_text(encoding="utf-8")
        True
    """
    section = _section(picture, heading=False)
    write_page(path, rendered("volume_page.html.j2", title=picture.case, section=section))


def volume_section(picture: VolumePicture) -> Markup:
    """The same as a section of the run's report, for ``ReportData.volumes``."""
    return _section(picture, heading=True)


def _section(picture: VolumePicture, *, heading: bool) -> Markup:
    """Slices, doubt, and planes and confidence of the largest objects."""
    visible = [one for one in picture.objects if one.sections]
    shown = sorted(visible, key=_voxels, reverse=True)[:MOST_OBJECTS]
    views = three_views(picture, shown)
    return rendered(
        "volume.html.j2",
        picture=picture,
        heading=heading,
        colours=COLOURS,
        scored=[one for one in picture.objects if one.score is not None],
        annotated=any(one.truth is not None for one in picture.objects),
        strip=strip(picture),
        doubt=None if picture.doubt is None else strip(picture, doubt=True),
        shown=[(one, view, _curves(one)) for one, view in zip(shown, views, strict=True)],
        any_curve=any(one.confidence for one in shown),
        left_out=len(visible) - len(shown),
    )


def _curves(one: FollowedObject) -> Sequence[str]:
    """The curve of confidence for a light and for a dark page."""
    if not one.confidence:
        return ()
    drawn = (confidence_curve(one.confidence, one.prompted, dark=dark) for dark in (False, True))
    return [data_uri("svg+xml", curve) for curve in drawn]


def _voxels(one: FollowedObject) -> int:
    return sum(item.area for item in one.prediction or one.sections)
