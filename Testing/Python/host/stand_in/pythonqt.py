"""PythonQt's manners over PySide6: properties are attributes, enumerations plain integers, keywords refused.

A name of an object is looked up as PythonQt does: a property first, then a method (a slot, a static method or what is
wrapped for Python), a signal, an enumeration value, a dynamic property. Only a property can be assigned to, and a
property of a name that PythonQt takes for a method is none: ``QTimer.singleShot``, alone in the Qt of the application
(PythonQtClassInfo::lookForPropertyAndCache). ``api.json`` has each name under what Python gets for it.
"""

from __future__ import annotations

import enum
import inspect
import json
import pathlib
import types
from collections.abc import Iterator
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

API: dict[str, dict[str, Any]] = json.loads((pathlib.Path(__file__).parent / "api.json").read_text(encoding="utf-8"))

LOADER: list[type] = []
"""What stands in for ``qt.QUiLoader``."""


class EnumInt(int):
    """An enumeration value as the application gives it: a plain integer. Remembers what PySide6 wants instead."""

    member: Any

    def __new__(cls, member: Any) -> EnumInt:
        number = member.value if isinstance(member, enum.Enum) else int(member)
        self = super().__new__(cls, number if isinstance(number, int) else number.value)
        self.member = member
        return self


def unwrap(value: Any) -> Any:
    """Return what PySide6 wants for a value of the module's."""
    if isinstance(value, (Wrapped, Derived)):
        return value._raw
    if isinstance(value, EnumInt):
        return value.member
    if isinstance(value, (list, tuple)):
        return [unwrap(v) for v in value]
    return value


_WRAPPERS: dict[int, Wrapped] = {}


def wrap(value: Any) -> Any:
    """Return a value of PySide6's as the application gives it."""
    if isinstance(value, QtCore.QObject):
        known = _WRAPPERS.get(id(value))
        if known is None or known._raw is not value:
            known = _WRAPPERS[id(value)] = Wrapped(value)
        return known
    if type(value).__module__.startswith("PySide6"):
        return EnumInt(value) if isinstance(value, enum.Enum) else Wrapped(value)
    if isinstance(value, (list, tuple)):
        return tuple(wrap(v) for v in value)
    return value


def forget_deleted() -> None:
    """Let go of what is connected to objects that were deleted, as the application does."""
    for key, known in list(_WRAPPERS.items()):
        if not shiboken6.isValid(known._raw):
            del _WRAPPERS[key]


def listed_classes(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a listed class and those it derives from, the class first."""
    current: str | None = name
    while current is not None:
        yield current, API[current]
        current = API[current]["base"]


def class_name(raw: Any) -> str:
    """Return the name of the nearest listed class of an object."""
    named = getattr(type(raw), "API_NAME", None)
    if named is not None:
        return str(named)
    if isinstance(raw, QtCore.QObject):
        meta, names = raw.metaObject(), []
        while meta is not None:
            names.append(meta.className())
            meta = meta.superClass()
    else:  # of events that Python does not know it gets their base, too
        names = [cls.__name__ for cls in type(raw).__mro__]
    known = next((name for name in names if name in API), None)
    # a class that only PySide6 or a test knows is what it derives from; a class of Qt's own must be listed
    assert known is not None and (known in (names[0], "QEvent") or not names[0].startswith("Q")), (
        f"{names[0]} is not among the classes listed in api.json; add it to list_api.py and list them anew"
    )
    return known


def kind_of(class_listed: str, name: str) -> tuple[str, Any]:
    """Return what Python gets for a name of an object, and whether a property can be written, or a value.

    The kinds are those of ``api.json``, or ``nothing``.
    """
    for kind in ("properties", "methods", "signals", "values"):
        for _, api in listed_classes(class_listed):
            if kind == "signals":
                if name in {signature.split("(")[0] for signature in api[kind]}:
                    return kind, None
            elif name in api[kind]:
                return kind, api[kind][name] if isinstance(api[kind], dict) else None
    return "nothing", None


class Wrapped:
    """An object of Qt with the application's manners."""

    def __init__(self, raw: Any) -> None:
        object.__setattr__(self, "_raw", raw)
        object.__setattr__(self, "_connections", [])

    def __getattr__(self, name: str) -> Any:
        raw = object.__getattribute__(self, "_raw")
        if name == "name" and isinstance(raw, QtCore.QObject):
            return raw.objectName()
        listed = class_name(raw)
        kind, value = kind_of(listed, name)
        if kind == "properties":
            return wrap(raw.property(name))
        if kind == "values":
            return int(value)
        if kind == "signals":
            raise AssertionError(f"{listed}.{name} is a signal; this stand-in knows connect('{name}(…)', slot)")
        if kind == "methods":
            return self._method(listed, name)
        dynamic = raw.property(name) if isinstance(raw, QtCore.QObject) else None
        if dynamic is None:
            raise AttributeError(f"{listed} has no attribute named '{name}'")
        return wrap(dynamic)

    def _method(self, listed: str, name: str) -> Any:
        method = getattr(self._raw, name, None)
        assert callable(method), f"{listed}.{name} is there in the application, and not in this stand-in"

        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                raise ValueError(f"{listed}.{name} takes no keyword arguments")
            return wrap(method(*[unwrap(a) for a in args]))

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        raw = self._raw
        listed = class_name(raw)
        kind, writable = kind_of(listed, name)
        word = {"methods": "Slot", "signals": "Signal", "values": "EnumValue"}.get(kind)
        if word is not None:
            raise AttributeError(f"{word} '{name}' can not be overwritten on {listed} object")
        if kind == "properties" and not writable:
            raise AttributeError(f"Property '{name}' of {listed} object is not writable")
        if kind == "nothing" and (not isinstance(raw, QtCore.QObject) or raw.property(name) is None):
            raise AttributeError(
                f"'{name}' does not exist on {listed} and creating new attributes on C++ objects is not allowed"
            )
        current = raw.property(name)
        if isinstance(current, str):
            value = str(value)
        elif isinstance(current, bool):
            value = bool(value)
        declared = raw.metaObject().indexOfProperty(name) >= 0
        if not raw.setProperty(name, unwrap(value)) and declared:
            raise AttributeError(f"Property '{name}' of {listed} does not accept {value!r}")

    def _signal(self, signature: str) -> tuple[Any, int]:
        name, _, rest = signature.replace(" ", "").partition("(")
        arguments = [a for a in rest.rstrip(")").split(",") if a]
        listed = class_name(self._raw)
        known = {s.replace(" ", "") for _, api in listed_classes(listed) for s in api["signals"]}
        assert signature.replace(" ", "") in known, f"{listed} has no signal {signature}"
        return getattr(self._raw, name), len(arguments)

    def connect(self, signature: str, slot: Any) -> bool:
        """Connect a signal, by its signature, to a callable."""
        signal, count = self._signal(signature)

        def deliver(*args: Any) -> None:
            given = [wrap(a) for a in args[:count]]
            parameters = inspect.signature(slot).parameters.values()
            if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
                given = given[: len([p for p in parameters if p.kind is not p.KEYWORD_ONLY])]
            slot(*given)

        # PySide6 leaves an argument with a default (of clicked) to receivers that say they take one
        def deliver_one(argument: Any) -> None:
            deliver(argument)

        receiver = deliver_one if count == 1 else deliver
        signal.connect(receiver)
        self._connections.append((signature, slot, receiver))
        return True

    def disconnect(self, signature: str, slot: Any) -> bool:
        """Take a connection back."""
        signal, _count = self._signal(signature)
        for entry in list(self._connections):
            if entry[0] == signature and entry[1] == slot:
                signal.disconnect(entry[2])
                self._connections.remove(entry)
                return True
        raise AssertionError(f"{signature} was not connected")

    def children(self) -> tuple[Any, ...]:
        """Return the children; a tuple in the application."""
        return tuple(wrap(c) for c in self._raw.children())

    def className(self) -> str:
        """Return the name of the object's class."""
        return str(self._raw.metaObject().className())

    def property(self, name: str) -> Any:
        """Return a property by its name, a dynamic one, too."""
        return wrap(self._raw.property(name))


class Derived:
    """What a class of Python's own derives from where it says ``class Filter(qt.QObject)``."""

    def __init__(self) -> None:
        self._raw = _Filter()
        self._raw.derived = self  # type: ignore[attr-defined]


class _Filter(QtCore.QObject):
    def eventFilter(self, watched: Any, event: Any) -> bool:
        return bool(self.derived.eventFilter(wrap(watched), wrap(event)))  # type: ignore[attr-defined]


class QtClass:
    """A class of the qt module: makes wrapped objects, gives enumeration values as integers."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ValueError(f"{self._raw.__name__} takes no keyword arguments; set its properties afterwards")
        return wrap(self._raw(*[unwrap(a) for a in args]))

    def __getattr__(self, name: str) -> Any:
        kind, _ = kind_of(self._raw.__name__, name)
        if kind not in ("methods", "values"):
            raise AttributeError(f"{self._raw.__name__} has no attribute named '{name}'")
        value = getattr(self._raw, name)
        if isinstance(value, enum.Enum):
            return EnumInt(value)
        return lambda *args: wrap(value(*[unwrap(a) for a in args]))


class QtModule(types.ModuleType):
    """The application's ``qt``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of a module, as its file; no class of Qt
            raise AttributeError(name)
        if name == "QUiLoader":
            return LOADER[0]
        if name == "QObject":
            return Derived
        for source in (QtWidgets, QtGui, QtCore):
            if hasattr(source, name):
                return QtClass(getattr(source, name))
        raise AttributeError(f"module 'qt' has no attribute '{name}'")
