"""What a benchmark suite compares, and the data sets it does that on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationError, field_validator, model_validator

from samdomains.chain import Domain
from samdomains.errors import PluginError, UsageError, did_you_mean
from samdomains.recipe_images import Count, Section

DEFAULT_SUITE = "default"
"""The suite that runs unless the user names another."""

GENERATED = "generated"
"""Name of the domain's demo data, where a suite runs on that."""

Strategy: TypeAlias = Literal["decoder", "lora", "full"]
Images: TypeAlias = Count | Literal["all"]
ModelName: TypeAlias = Literal["tiny", "vit_b", "vit_l", "vit_h"]


class DataSet(Section):
    """One data set of a suite, described once.

    Attributes:
        name: In tables and names of files: letters, digits, ``-`` and ``_``.
        path: Where it lies under ``--data-root``, with ``/`` between folders.
        title: What it shows, in a few words.
        source: Where to get it.
        licence: Under what terms, as its source states them.
        sha256: Of its files, by ``samdomains.benchmark.data.hash_of``; None where it was not
            recorded, as for data that differs from user to user.
        split: Who divides it: a few words for the table.
        named: The domain's recipe for it.
        recipe: Values that it needs over that, section → key → value.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    path: str
    title: str
    source: str
    licence: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    split: str = "its own splits.json"
    named: str = "default"
    recipe: Mapping[str, Mapping[str, Any]] = {}

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError("a path below --data-root, such as microscopy/nuclei")
        return path


@dataclass(frozen=True, slots=True)
class Selection:
    """Part of a suite, or other values than it has.

    Attributes:
        data_sets: Names of those to use; none takes all. So do the next four.
        models: SAMs to tune.
        strategies: ``decoder``, ``lora``, ``full``.
        images: Numbers of training images, ``all`` among them.
        seeds: Of everything that chance decides.
        unet: Whether a U-Net is trained where the suite has one.
    """

    data_sets: Sequence[str] = ()
    models: Sequence[str] = ()
    strategies: Sequence[str] = ()
    images: Sequence[int | Literal["all"]] = ()
    seeds: Sequence[int] = ()
    unet: bool = True


class Suite(Section):
    """A matrix: data sets by models, strategies, images and seeds.

    Beside the strategies every table has ``zero_shot``, ``box_ellipse`` and, unless switched off,
    ``unet``: trained from scratch on the same images for as long as the slowest strategy took.

    Attributes:
        title: What the suite compares.
        datasets: On what. Without any, on the domain's generated data.
        models: SAMs that are tuned.
        strategies: What of them is tuned.
        unet: Whether a U-Net is trained too.
        images: Numbers of training images, for the learning curve; ``all`` are those there are.
        seeds: Each repeats everything that chance decides.
        recipe: Values for all data sets, section → key → value.
    """

    title: str
    datasets: tuple[DataSet, ...] = ()
    models: Annotated[tuple[ModelName, ...], Field(min_length=1)] = ("tiny",)
    strategies: tuple[Strategy, ...] = ("decoder", "lora", "full")
    unet: bool = True
    images: Annotated[tuple[Images, ...], Field(min_length=1)] = (5, 10, 20, "all")
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)] = (0,)
    recipe: Mapping[str, Mapping[str, Any]] = {}

    @model_validator(mode="after")
    def _names_differ(self) -> Suite:
        names = [data.name for data in self.datasets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two data sets are named {', '.join(twice)}")
        if GENERATED in names:
            raise ValueError(f"'{GENERATED}' is the name of the domain's demo data")
        return self

    def only(self, selection: Selection) -> Suite:
        """The part of the suite that is selected.

        Raises:
            UsageError: It has no data set of a name, or a value does not fit; says which.
        """
        known, wanted = [data.name for data in self.datasets], selection.data_sets
        for name in wanted:
            if name not in known:
                raise UsageError(
                    f"the suite has no data set '{name}'.{did_you_mean(name, known)} "
                    f"Its data sets: {', '.join(known) or 'none'}"
                )
        values = self.model_dump()
        for key in ("models", "strategies", "images", "seeds"):
            values[key] = tuple(getattr(selection, key)) or values[key]
        values["datasets"] = [d for d in values["datasets"] if not wanted or d["name"] in wanted]
        try:
            return Suite.model_validate({**values, "unet": self.unet and selection.unet})
        except ValidationError as error:
            raise UsageError(_complaint(error)) from error


def find_suite(domain: Domain, name: str = DEFAULT_SUITE) -> Suite:
    """A suite of a domain.

    Raises:
        UsageError: The domain has no suite of that name.
        PluginError: What a plugin describes is no suite; says which value does not fit.
    """
    offered = domain.benchmarks()
    if name not in offered:
        raise UsageError(
            f"domain '{domain.name}' has no suite '{name}'.{did_you_mean(name, offered)} "
            f"Its suites: {', '.join(sorted(offered))}"
        )
    layer, values = offered[name]
    try:
        return Suite.model_validate(values)
    except ValidationError as error:
        raise PluginError(
            f"{layer}: in the suite '{name}' of `benchmarks`, {_complaint(error)}"
        ) from error


def _complaint(error: ValidationError) -> str:
    """The first of pydantic's complaints: what, what is allowed, what was got."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the suite"
    got = "" if first["type"] == "missing" else f", got {first['input']!r:.60}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{got}"
