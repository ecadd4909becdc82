"""The rules of the hooks: what an implementation may look like, and what it must answer.

Each rule prevents a failure that was seen in a framework built on pluggy; see
docs/architecture.md. They are checked when a domain is selected and each time a hook answers.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from samdomains.errors import PluginError, did_you_mean
from samdomains.facts import StrategyChoice
from samdomains.hookspecs import PROJECT, DomainHooks
from samdomains.layers import Layer
from samdomains.types import Case

IMPLEMENTATION_MARK = f"{PROJECT}_impl"
"""The attribute in which pluggy keeps the options of an implementation."""

HOOK_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(function).parameters)[1:]
    for name, function in vars(DomainHooks).items()
    if inspect.isfunction(function)
}
"""Hook → the arguments that it offers, in order."""


def require_valid_implementations(layer: Layer) -> None:
    """Refuse a module whose implementations would be ignored, misordered or miscalled.

    Raises:
        PluginError: Names the layer, the function and the line, and says how to mend it.
    """
    for name, value in vars(layer.module).items():
        options = getattr(value, IMPLEMENTATION_MARK, None) if callable(value) else None
        if options is not None:
            _require_known_hook(layer, name, value)
            _require_no_options(layer, name, value, options)
            _require_arguments(layer, name, value)
        elif name in HOOK_ARGUMENTS and not isinstance(value, ModuleType):
            raise PluginError(
                f"{layer.label}: `{name}` ({_where(layer, value)}) bears the name of a hook but "
                "would be ignored. Decorate the function with @hookimpl, or rename it"
            )


def source_line(function: object) -> tuple[str, int]:
    """File and first line of an implementation, as it stands in the source."""
    code = inspect.unwrap(function).__code__ if inspect.isfunction(function) else None
    return (code.co_filename, code.co_firstlineno) if code else ("", 0)


def _where(layer: Layer, value: object) -> str:
    file, line = source_line(value)
    return f"{file}:{line}" if file else str(layer.module.__file__)


def _require_known_hook(layer: Layer, name: str, function: object) -> None:
    if name not in HOOK_ARGUMENTS:
        raise PluginError(
            f"{layer.label}: @hookimpl on `{name}` ({_where(layer, function)}), which is no hook."
            f"{did_you_mean(name, HOOK_ARGUMENTS)} Hooks: {', '.join(HOOK_ARGUMENTS)}"
        )


def _require_no_options(
    layer: Layer, name: str, function: object, options: Mapping[str, object]
) -> None:
    given = [option for option, value in options.items() if value]
    if given:
        raise PluginError(
            f"{layer.label}: `{name}` ({_where(layer, function)}) sets {', '.join(given)}. "
            "The order of the layers is fixed; use samdomains.plugin.hookimpl, without options"
        )


def _require_arguments(layer: Layer, name: str, function: Callable[..., object]) -> None:
    start = f"{layer.label}: `{name}` ({_where(layer, function)})"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise PluginError(f"{start} must return its answer: it may not be async and may not yield")
    allowed = HOOK_ARGUMENTS[name]
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is not argument.POSITIONAL_OR_KEYWORD:
            raise PluginError(f"{start} takes `{argument}`; a hook names its arguments one by one")
        if argument.name not in allowed:
            raise PluginError(
                f"{start} takes an argument `{argument.name}`, which the hook does not offer."
                f"{did_you_mean(argument.name, allowed)} It offers: {', '.join(allowed) or 'none'}"
            )
        if argument.default is not argument.empty:
            raise PluginError(
                f"{start} gives `{argument.name}` a default value, which some versions of pluggy "
                "use instead of the real one. Remove it; values belong into a recipe"
            )


def require_valid_answer(hook: str, answer: object, start: str) -> None:
    """Refuse an answer of the wrong type, or one that worker processes could not use.

    Args:
        hook: The hook that was asked.
        answer: What the implementation returned.
        start: The layer, hook and line that answered, the beginning of every message.

    Raises:
        PluginError: Says what came back and what is allowed.
    """
    if answer is None:
        raise PluginError(f"{start} returned None. Is a `return` missing?")
    if hook == "load_cases":
        _require_cases(answer, start)
    elif hook == "choose_strategy":
        _require(isinstance(answer, StrategyChoice), answer, "a StrategyChoice", start)
    elif hook == "make_demo_data":
        _require(isinstance(answer, Path), answer, "a Path", start)
    elif hook in ("recipes", "benchmarks"):
        _require_named_mappings(answer, start)
    else:
        _require(callable(answer), answer, "a callable", start)
        _require_pickles(answer, start)


def _require(fits: bool, answer: object, allowed: str, start: str) -> None:
    if not fits:
        raise PluginError(f"{start} returned {type(answer).__name__}; it must return {allowed}")


def _require_cases(answer: object, start: str) -> None:
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise PluginError(
            f"{start} returned {type(answer).__name__}; it must return a sequence of Case"
        )
    seen: set[str] = set()
    for case in answer:
        if not isinstance(case, Case):
            raise PluginError(
                f"{start} returned {type(case).__name__} among the cases; each must be a Case"
            )
        if case.id in seen:
            raise PluginError(
                f"{start} returned two cases with the id '{case.id}'; ids must be unique"
            )
        seen.add(case.id)
        _require_hashable(case, start)
    if answer:
        # One stands for all: they are made alike, and pickling thousands would cost seconds.
        _require_pickles(answer[0], start)


def _require_hashable(case: Case, start: str) -> None:
    """What gives the parts of a volume or a scene is kept for the next, by what reads it."""
    readers: tuple[object, ...] = ()
    if case.depth is not None:
        readers = (case.read_pixels, case.read_objects)
    elif case.windows is not None:
        readers = (case.windows, case.read_objects)
    for reader in readers:
        try:
            hash(reader)
        except TypeError as error:
            raise PluginError(
                f"{start} returned '{case.id}' with a reader that cannot be hashed "
                f"({error}). Make it a frozen dataclass of paths, numbers and tuples"
            ) from error


def _require_named_mappings(answer: object, start: str) -> None:
    named = isinstance(answer, Mapping) and all(
        isinstance(name, str) and isinstance(values, Mapping) for name, values in answer.items()
    )
    _require(named, answer, "a mapping: name → mapping of values", start)


def _require_pickles(answer: object, start: str) -> None:
    try:
        pickle.dumps(answer)
    except Exception as error:
        raise PluginError(
            f"{start} returned an object that cannot be sent to worker processes: {error}. "
            "Return a module-level function or a frozen dataclass with __call__, "
            "not a lambda or an inner function"
        ) from error
