"""Every hook of samdomains: what a domain plugin may answer, typed and documented.

A domain is selected by name. Its layers are asked in this order: the user's local file, the
domain, the domains it extends, the core's defaults (``samdomains/defaults.py``). The first layer
that implements a hook answers it; ``recipes`` and ``benchmarks`` are asked of every layer.

Hooks are factories. They are called once, in the main process; what they return must pickle,
because worker processes use it. An implementation takes the arguments it needs, by these names,
and gives them no default values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy

from samdomains.facts import Facts, StrategyChoice
from samdomains.protocols import MaskWriter, Normalizer, PromptProposer, PromptSampler
from samdomains.recipe import Recipe
from samdomains.types import Case

PROJECT = "samdomains"
"""The pluggy project name that ties specifications and implementations together."""

HOOK_API_VERSION = 1
"""Raised when a hook changes in a way that plugins must follow; see docs/stability.md."""

hookspec = pluggy.HookspecMarker(PROJECT)


class DomainHooks:
    """The hooks of one domain."""

    @hookspec(firstresult=True)
    def load_cases(self, source: Path, recipe: Recipe) -> Sequence[Case]:  # type: ignore[empty-body]
        """List the cases of a data set without reading a pixel.

        Args:
            source: The folder or file that the user named.
            recipe: The resolved recipe.

        Returns:
            The cases, in a stable order, with unique ids. ``None`` is an error, never a silent
            fall-through to the core's loader.

        Raises:
            DataError: The source is not what this domain reads; says what is allowed.
        """

    @hookspec(firstresult=True)
    def normalize_intensity(self, recipe: Recipe) -> Normalizer:  # type: ignore[empty-body]
        """Make the callable that turns stored pixels into a (3, H, W) image in [0, 1].

        It gets the statistics of the whole case, so a tile or a slice is never stretched alone.

        Args:
            recipe: The resolved recipe; ``recipe.intensity`` holds the values.
        """

    @hookspec(firstresult=True)
    def sample_prompts(self, recipe: Recipe) -> PromptSampler:  # type: ignore[empty-body]
        """Make the sampler that simulates a user's prompts during training.

        Args:
            recipe: The resolved recipe; ``recipe.prompts`` holds the values.
        """

    @hookspec(firstresult=True)
    def propose_prompts(self, recipe: Recipe) -> PromptProposer:  # type: ignore[empty-body]
        """Make the callable that prompts without a human, for ``samdomains segment --auto``.

        Args:
            recipe: The resolved recipe; ``recipe.auto`` holds the values.
        """

    @hookspec(firstresult=True)
    def choose_strategy(self, recipe: Recipe, facts: Facts) -> StrategyChoice:  # type: ignore[empty-body]
        """Choose what to tune, at what batch size and precision, and say why.

        Args:
            recipe: The resolved recipe; ``recipe.strategy.name`` may already fix the strategy.
            facts: Model, data set and machine.
        """

    @hookspec(firstresult=True)
    def write_masks(self, recipe: Recipe) -> MaskWriter:  # type: ignore[empty-body]
        """Make the writer that saves a segmentation in the domain's native format.

        Args:
            recipe: The resolved recipe.
        """

    @hookspec
    def recipes(self) -> Mapping[str, Mapping[str, Any]]:  # type: ignore[empty-body]
        """Named recipes of the domain: name → nested values that differ from the core's.

        ``default`` is the one used unless the user names another; others build on it.
        """

    @hookspec
    def benchmarks(self) -> Mapping[str, Mapping[str, Any]]:  # type: ignore[empty-body]
        """Named benchmark suites of the domain: name → description of the suite."""

    @hookspec(firstresult=True)
    def make_demo_data(self, directory: Path, seed: int) -> Path:  # type: ignore[empty-body]
        """Generate a small data set in the field's native format.

        Args:
            directory: An existing, empty folder.
            seed: The same seed gives the same files.

        Returns:
            The source to hand to ``load_cases``.
        """
