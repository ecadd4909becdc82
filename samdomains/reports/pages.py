"""Pages that need no network, no script and no other file: their templates, style and pictures."""

from __future__ import annotations

import base64
import math
from functools import partial
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from samdomains.files import write_text
from samdomains.reports.scores import prompt_name


def rendered(template: str, **values: object) -> Markup:
    """Fill in a template of this room; every value is shown as text unless it is ``Markup``.

    Args:
        template: Name of its file. It gets ``style`` too, what stands in ``style.css``.
        values: By the names that the template uses.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "duration": _duration,
        "webp": partial(data_uri, "webp"),
        "prompt_name": prompt_name,
        "signed": signed,
        "figure": figure,
        "brief": _brief,
        "p_value": _p_value,
        "finite": math.isfinite,
    }
    style = Markup(_text("style.css"))
    return Markup(environment.from_string(_text(template)).render(style=style, **values))


def write_page(path: Path, page: str) -> None:
    """Write a page atomically.

    A file name that is not UTF-8 reaches us as lone surrogates, which no encoding can write: they
    are shown by their numbers.
    """
    write_text(path, page.encode("utf-8", "backslashreplace").decode("utf-8"))


def data_uri(kind: str, content: bytes) -> str:
    """A picture for an ``img`` of the page itself; ``kind`` is ``webp`` or ``svg+xml``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _text(name: str) -> str:
    return files("samdomains.reports").joinpath(name).read_text(encoding="utf-8")


def _duration(seconds: float) -> str:
    """``4.2 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _p_value(value: float) -> str:
    """Two digits, and no more zeros than anybody reads; never broken between lines."""
    text = "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def signed(value: float) -> str:
    """Three decimals with a sign; a real minus sign reads better than a hyphen."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def figure(value: float) -> str:
    """Three decimals, and a dash where there is no number."""
    text = f"{value:.3f}" if math.isfinite(value) else "\N{EN DASH}"
    return text.replace("-", "\N{MINUS SIGN}")


def _brief(value: float) -> str:
    """Three digits, for numbers that may be counts."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
