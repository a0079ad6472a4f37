"""What a function is: a hash over its code and all that it holds, the same in every process."""

import enum
import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range, slice, PurePath, np.generic, np.dtype,
    torch.dtype, torch.device, torch.Size,
)  # fmt: skip
"""Values that are known by how they are written."""

_printed: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
# names are asked for often, and what a function holds may be large


def identity(value: Any) -> str:
    """Return a hash of a function, class or object: by code, defaults, closure and attributes.

    Names that a function finds in its module count where they are constants, functions or classes of that module. What
    cannot be told by what it holds counts by its type's name.
    """
    reader = _Reader()
    reader.take(value)
    return reader.hash.hexdigest()[:16]


def full_name(value: Any) -> str:
    """Return `module:name` of a function or class, or of an object's class where it has no name of its own."""
    return f"{value.__module__}:{getattr(value, '__qualname__', type(value).__qualname__)}"


def printed_name(value: Any) -> str:
    """Return the full name, and beside it what tells apart functions and classes to which it does not lead.

    Those are lambdas, what was defined within a function, and what was defined anew since: `mine:<lambda> 5e2b81c4`.
    """
    name = full_name(value)
    if not isinstance(value, FunctionType | type) or _leads_to(value):
        return name
    if value not in _printed:
        _printed[value] = identity(value)[:8]
    return f"{name} {_printed[value]}"


def _leads_to(value: FunctionType | type) -> bool:
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


class _Reader:
    """Takes values in one after the other, each once."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        # the values too: a number of memory is given to another value once the first is gone
        self._seen: dict[int, tuple[int, Any]] = {}

    def take(self, value: Any) -> None:
        """Take in a value and what it holds."""
        self._note(type(value).__module__, type(value).__qualname__)
        if isinstance(value, enum.Enum):
            self._note(value.name)
        elif isinstance(value, PLAIN):
            self._note(repr(value))
        elif isinstance(value, torch.Tensor | np.ndarray):
            self._numbers(value)
        elif id(value) in self._seen:
            self._note("again", str(self._seen[id(value)][0]))
        else:
            self._seen[id(value)] = (len(self._seen), value)
            parts = list(_parts(value))
            self._note(str(len(parts)))
            for part in parts:
                self.take(part)

    def _note(self, *words: str) -> None:
        for word in words:
            self.hash.update(f"{len(word)} {word}".encode(errors="surrogatepass"))

    def _numbers(self, value: torch.Tensor | np.ndarray) -> None:
        try:
            found = torch.as_tensor(value).detach().cpu().contiguous()
            self._note(str(found.dtype), str(tuple(found.shape)))
            self.hash.update(found.reshape(-1).view(torch.uint8).numpy().data)
        except (TypeError, ValueError, RuntimeError):
            self._note("unknown")  # objects, or a parameter that has no shape yet


def _parts(value: Any) -> Iterable[Any]:
    """Return what a value is made of, in an order that does not hang on the process."""
    if isinstance(value, CodeType):
        return value.co_flags, value.co_code, value.co_consts, value.co_names
    if isinstance(value, FunctionType):
        return value.__code__, value.__defaults__, value.__kwdefaults__, *(value.__closure__ or ()), *_named(value)
    if isinstance(value, CellType):
        return _content(value)
    if isinstance(value, MethodType):
        return value.__func__, value.__self__
    if isinstance(value, functools.partial):
        return value.func, value.args, value.keywords
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset
    if isinstance(value, ModuleType | BuiltinFunctionType):
        return (value.__name__,)
    if isinstance(value, type):
        return value.__module__, value.__qualname__, *_of_class(value)
    return _held(value)


def _held(value: Any) -> Iterable[Any]:
    """Return what a container or an object holds; nothing where its type alone can be told."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, set | frozenset):
        # their order hangs on the process
        return sorted(map(repr, value)) if all(isinstance(each, PLAIN) for each in value) else (len(value),)
    return [type(value), *(part for pair in sorted(getattr(value, "__dict__", {}).items()) for part in pair)]


def _content(cell: CellType) -> Iterable[Any]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()  # of a name that has no value yet


def _named(function: FunctionType) -> Iterable[Any]:
    """Return the constants, functions and classes of its module that a function names."""
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        own = isinstance(value, FunctionType | type) and value.__module__ == function.__module__
        if own or (value is not None and isinstance(value, PLAIN)):
            yield from (name, value)


def _names(code: CodeType) -> set[str]:
    return {*code.co_names}.union(*(_names(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _of_class(found: type) -> Iterable[Any]:
    """Return the methods and values of a class and of those above it in its module; Python's own notes are left out."""
    for name, value in sorted(vars(found).items()):
        if not name.startswith("__") or isinstance(value, FunctionType | staticmethod | classmethod | property):
            yield from (name, value)
    for above in found.__bases__:
        yield above if above.__module__ == found.__module__ else f"{above.__module__}:{above.__qualname__}"
