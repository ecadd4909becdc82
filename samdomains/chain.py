"""A selected domain: its layers behind one typed face.

Selecting a domain builds a fresh pluggy ``PluginManager`` and registers core defaults, then the
domains that it extends, then the domain, then the user's local file. The last registered layer
that implements a hook answers it, and it alone: there is no falling through to the layer below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pluggy

from samdomains.discovery import InstalledDomain, find_domain, installed_domains
from samdomains.errors import PluginError, RecipeError, did_you_mean
from samdomains.facts import Facts, StrategyChoice
from samdomains.hook_guards import HookSource, guarded, home_of
from samdomains.hook_rules import require_valid_answer, require_valid_implementations, source_line
from samdomains.hookspecs import PROJECT, DomainHooks
from samdomains.layers import CORE_LABEL, Layer, load_layers
from samdomains.protocols import MaskWriter, Normalizer, PromptProposer, PromptSampler
from samdomains.recipe import Recipe
from samdomains.recipe_layers import (
    COMMAND_LINE,
    RecipeLayer,
    ResolvedRecipe,
    parse_setting,
    read_recipe_file,
    resolve_recipe,
)
from samdomains.types import Case

__all__ = [
    "Domain",
    "HookAnswer",
    "HookImplementation",
    "InstalledDomain",
    "installed_domains",
    "select_domain",
]

DEFAULT_RECIPE = "default"
"""The named recipe that is used unless the user names another."""


@dataclass(frozen=True, slots=True)
class HookImplementation:
    """One layer's implementation of a hook.

    Attributes:
        layer: ``core``, ``domain ct``, ``local file mine.py``.
        distribution: The distribution of the layer; the path for a local file.
        version: Version of the distribution; empty for a local file.
        file: Source file.
        line: First line of the implementation.
    """

    layer: str
    distribution: str
    version: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """Who answers a hook. ``dataclasses.asdict`` makes it JSON.

    Attributes:
        hook: Name of the hook.
        rule: ``first``: the first implementation answers. ``all``: every one is asked.
        winner: Layer of the implementation that answers, or None where none or all do.
        implementations: In the order in which they are asked: the user's file, the domain, core.
    """

    hook: str
    rule: Literal["first", "all"]
    winner: str | None
    implementations: tuple[HookImplementation, ...]


class Domain:
    """A selected domain. Made by `select_domain`.

    Attributes:
        name: The domain's id.
        distribution: The distribution that brings it.
        version: Version of that distribution.
    """

    def __init__(self, installed: InstalledDomain, layers: Sequence[Layer]) -> None:
        self.name = installed.name
        self.distribution = installed.distribution
        self.version = installed.version
        self._layers = {layer.label: layer for layer in layers}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(DomainHooks)
        for layer in layers:
            require_valid_implementations(layer)
            self._manager.register(layer.module, name=layer.label)
        self._manager.check_pending()

    def load_cases(self, source: Path, recipe: Recipe) -> Sequence[Case]:
        """List the cases of a data set without reading a pixel; ids are unique."""
        answer = self._answer("load_cases", {"source": source, "recipe": recipe})
        return cast("Sequence[Case]", answer)

    def normalize_intensity(self, recipe: Recipe) -> Normalizer:
        """The callable that turns stored pixels into a (3, H, W) image in [0, 1]."""
        return cast("Normalizer", self._answer("normalize_intensity", {"recipe": recipe}))

    def sample_prompts(self, recipe: Recipe) -> PromptSampler:
        """The sampler that simulates a user's prompts during training."""
        return cast("PromptSampler", self._answer("sample_prompts", {"recipe": recipe}))

    def propose_prompts(self, recipe: Recipe) -> PromptProposer:
        """The callable that prompts without a human."""
        return cast("PromptProposer", self._answer("propose_prompts", {"recipe": recipe}))

    def choose_strategy(self, recipe: Recipe, facts: Facts) -> StrategyChoice:
        """What to tune, at what batch size and precision, and why."""
        answer = self._answer("choose_strategy", {"recipe": recipe, "facts": facts})
        return cast("StrategyChoice", answer)

    def write_masks(self, recipe: Recipe) -> MaskWriter:
        """The writer that saves a segmentation in the domain's native format."""
        return cast("MaskWriter", self._answer("write_masks", {"recipe": recipe}))

    def make_demo_data(self, directory: Path, seed: int) -> Path:
        """Generate a small data set in ``directory`` (made if missing); gives the source."""
        directory.mkdir(parents=True, exist_ok=True)
        return cast("Path", self._answer("make_demo_data", {"directory": directory, "seed": seed}))

    def recipe_names(self) -> list[str]:
        """Names of the domain's recipes and of those that it extends, sorted."""
        offered = (recipes for _, recipes in self._recipes())
        return sorted({DEFAULT_RECIPE, *(name for recipes in offered for name in recipes)})

    def recipe_layers(self, name: str = DEFAULT_RECIPE) -> tuple[RecipeLayer, ...]:
        """The values that the domain's layers set, the strongest last.

        First ``default`` of every layer, parents first; then the named recipe of every layer.

        Raises:
            RecipeError: No layer has a recipe of that name.
        """
        offered, names = self._recipes(), self.recipe_names()
        if name not in names:
            raise RecipeError(
                f"domain '{self.name}' has no recipe '{name}'.{did_you_mean(name, names)} "
                f"Its recipes: {', '.join(names)}"
            )
        return tuple(
            RecipeLayer(f"{layer}, recipe {wanted}", recipes[wanted])
            for wanted in dict.fromkeys((DEFAULT_RECIPE, name))
            for layer, recipes in offered
            if wanted in recipes
        )

    def benchmarks(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Name of each benchmark suite → the layer that describes it, and its description.

        A suite of a stronger layer stands for one of the same name below.
        """
        offered: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for implementation in reversed(self._implementations("benchmarks")):
            answer = self._call("benchmarks", implementation, {})
            suites = cast("Mapping[str, Mapping[str, Any]]", answer)
            offered |= {name: (implementation.plugin_name, suites[name]) for name in suites}
        return offered

    def resolve_recipe(
        self, file: Path | None = None, name: str | None = None, settings: Sequence[str] = ()
    ) -> ResolvedRecipe:
        """Merge core < domain < file < command line.

        Args:
            file: The user's recipe file, or None.
            name: The named recipe of the domain to build on; None takes the file's ``name``, else
                ``default``.
            settings: ``section.key=value``, the later ones stronger.

        Raises:
            RecipeError: A file cannot be read, a key is unknown, or a value does not fit.
        """
        layers = [] if file is None else [RecipeLayer(str(file), read_recipe_file(file))]
        layers += [RecipeLayer(COMMAND_LINE, parse_setting(setting)) for setting in settings]
        if name is not None:
            layers.append(RecipeLayer(COMMAND_LINE, {"name": name}))
        named = [layer.values["name"] for layer in layers if "name" in layer.values]
        base = named[-1] if named else DEFAULT_RECIPE
        if not isinstance(base, str):
            raise RecipeError(f"a recipe's name must be text, got {base!r}")
        return resolve_recipe([*self.recipe_layers(base), *layers])

    def winner(self, hook: str) -> str:
        """Label of the layer that answers a hook, as ``explain`` shows it."""
        return self._implementations(hook)[0].plugin_name

    def explain(self) -> tuple[HookAnswer, ...]:
        """Who answers each hook, in the order of the specifications."""
        return tuple(self._explain(name) for name in vars(DomainHooks) if not name.startswith("_"))

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """The implementations of a hook, in the order in which they are asked."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return caller.get_hookimpls()[::-1]

    def _explain(self, hook: str) -> HookAnswer:
        specification = getattr(self._manager.hook, hook).spec
        first = specification.opts["firstresult"]
        implementations = []
        for implementation in self._implementations(hook):
            layer = self._layers[implementation.plugin_name]
            file, line = source_line(implementation.function)
            implementations.append(
                HookImplementation(layer.label, layer.distribution, layer.version, file, line)
            )
        winner = implementations[0].layer if first and implementations else None
        return HookAnswer(hook, "first" if first else "all", winner, tuple(implementations))

    def _answer(self, hook: str, arguments: Mapping[str, object]) -> object:
        return self._call(hook, self._implementations(hook)[0], arguments)

    def _call(
        self, hook: str, implementation: pluggy.HookImpl, arguments: Mapping[str, object]
    ) -> object:
        source = self._source(hook, implementation)
        with source.named():
            answer = implementation.function(*(arguments[name] for name in implementation.argnames))
        start = f"{source.layer}: `{hook}` ({source.file}:{source.line})"
        require_valid_answer(hook, answer, start)
        return answer if source.layer == CORE_LABEL else guarded(answer, source)

    def _source(self, hook: str, implementation: pluggy.HookImpl) -> HookSource:
        layer = self._layers[implementation.plugin_name]
        file, line = source_line(implementation.function)
        return HookSource(
            self.name,
            layer.label,
            layer.distribution,
            layer.version,
            hook,
            file,
            line,
            home_of(layer.module),
        )

    def _recipes(self) -> list[tuple[str, Mapping[str, Mapping[str, Any]]]]:
        """Layer and named recipes, in the order of registration."""
        offered = []
        for implementation in reversed(self._implementations("recipes")):
            answer = self._call("recipes", implementation, {})
            recipes = cast("Mapping[str, Mapping[str, Any]]", answer)
            for name, values in recipes.items():
                if "name" in values:
                    raise PluginError(
                        f"{implementation.plugin_name}: the recipe '{name}' sets `name`; "
                        "a recipe is named by its key alone"
                    )
            offered.append((implementation.plugin_name, recipes))
        return offered


def select_domain(name: str, *, local_plugin: Path | None = None) -> Domain:
    """Import a domain with everything it extends, and check its hooks.

    Args:
        name: The domain's id, as `installed_domains` lists it.
        local_plugin: A Python file of the user, asked before the domain.

    Raises:
        PluginError: The domain is not installed, claimed twice, cannot be imported, or breaks the
            rules of the hooks.
    """
    installed = find_domain(name)
    return Domain(installed, load_layers(installed, local_plugin))
