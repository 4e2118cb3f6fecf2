"""The refusals that an operation may answer with, found by following what its view calls.

The search goes from a view's method to the functions it names, and so on: any refusal that they
name may be raised. That finds more than happens, since refusals caught on the way count too, and
less only where something is called that no name leads to: then the walks of tests/backend (every
operation, as everybody, with anything) meet an undocumented code and fail.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from inspect import unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

from backend.errors import Refusal

OURS = ("backend", "points", "volunteers", "merchants")
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


def raised_by(view: type, method: str) -> set[type[Refusal]]:
    """Return the refusals of ``method``, in lower case, of the class ``view``."""
    handler = getattr(view, method)
    if _is_ours(unwrap(handler)):
        start = [handler, *getattr(handler, "parts", ())]
    else:  # the framework's, which calls whatever the view has
        start = [found for name in dir(view) if name not in METHODS for found in _own(view, name)]
    found: set[type[Refusal]] = set()
    seen: set[tuple[FunctionType, type | None]] = set()
    pending: list[tuple[Any, type | None]] = [(one, view) for one in start]
    while pending:
        thing, owner = pending.pop()
        if isinstance(thing, type) and issubclass(thing, Refusal):
            found.add(thing)
        function = _function(thing)
        if function is not None and (function, owner) not in seen:
            seen.add((function, owner))
            pending += _named_in(function, owner)
    return {kind for kind in found if hasattr(kind, "code")}


@cache
def _named_in(function: FunctionType, owner: type | None) -> list[tuple[Any, type | None]]:
    """Return all that ``function``, a method of ``owner``, names, including what it takes from
    modules and classes."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    things = [function.__globals__[name] for name in names & function.__globals__.keys()]
    things += [
        getattr(one, name)
        for one in things
        if _is_our_module(one)
        for name in names & vars(one).keys()
    ]
    things += [cell.cell_contents for cell in function.__closure__ or ()]
    found: list[tuple[Any, type | None]] = []
    if owner is not None:
        found += [(one, owner) for name in names for one in _own(owner, name)]
    for thing in things:
        found.append((thing, None))
        if isinstance(thing, Mapping):  # such as refusals by the constraint that says no
            found += [(value, None) for value in thing.values()]
        elif isinstance(thing, type):
            found += [(one, thing) for name in {*names, "__init__"} for one in _own(thing, name)]
    return found


def _own(owner: type, name: str) -> Iterator[Any]:
    """Yield the attribute ``name`` of a class, if the class that defines it is ours."""
    holders = (cls for cls in owner.__mro__ if name in vars(cls))
    holder = next(holders, object)
    if holder.__module__.split(".")[0] in OURS:
        yield vars(holder)[name]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _function(thing: Any) -> FunctionType | None:
    """Return our function behind ``thing``, be it decorated, a property or a method of a class."""
    inner: Callable[..., Any] | None = thing
    if isinstance(thing, property):
        inner = thing.fget
    elif not isinstance(thing, FunctionType | type):
        hidden = ("__func__", "func", "__wrapped__")  # a method's, a property's, a cached one's
        inner = next(filter(None, (getattr(thing, name, None) for name in hidden)), None)
    inner = unwrap(inner) if isinstance(inner, FunctionType) else None
    return inner if isinstance(inner, FunctionType) and _is_ours(inner) else None


def _is_ours(thing: Any) -> bool:
    return str(thing.__module__).split(".")[0] in OURS


def _is_our_module(thing: Any) -> bool:
    return isinstance(thing, ModuleType) and thing.__name__.split(".")[0] in OURS
