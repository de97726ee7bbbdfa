"""The application's parameterNodeWrapper, for the kinds of parameters and widgets that the module uses."""

from __future__ import annotations

import inspect
import pathlib
import sys
from typing import Any, ClassVar

import slicer

from .pythonqt import Wrapped


def parameter_node_wrapper(cls: type) -> type:
    """slicer.parameterNodeWrapper.parameterNodeWrapper for the kinds of parameters that the module uses."""
    annotations = {
        name: eval(kind, sys.modules[cls.__module__].__dict__) if isinstance(kind, str) else kind
        for name, kind in cls.__annotations__.items()
    }
    for name, kind in annotations.items():
        assert kind in (bool, int, float, str, pathlib.Path) or (
            inspect.isclass(kind) and issubclass(kind, slicer.vtkMRMLNode)
        ), f"{name}: {kind} is not known to this stand-in"
    defaults = {name: getattr(cls, name, None) for name in annotations}

    class Wrapper:
        """A typed view of one parameter node."""

        def __init__(self, node: Any) -> None:
            object.__setattr__(self, "parameterNode", node)
            object.__setattr__(self, "_tags", {})

        def __getattr__(self, name: str) -> Any:
            if name in annotations:
                kind = annotations[name]
                if issubclass(kind, slicer.vtkMRMLNode):
                    return self.parameterNode.GetNodeReference(name)
                if not self.parameterNode.HasParameter(name):
                    return defaults[name] if defaults[name] is not None else kind()
                text = self.parameterNode.GetParameter(name)
                return text == "True" if kind is bool else kind(text)
            if name in ("AddObserver", "RemoveObserver", "HasObserver", "Modified"):
                return getattr(self.parameterNode, name)
            raise AttributeError(name)

        def __setattr__(self, name: str, value: Any) -> None:
            kind = annotations.get(name)
            if kind is None:
                raise AttributeError(f"the parameter node has no '{name}'")
            if issubclass(kind, slicer.vtkMRMLNode):
                assert value is None or value.IsA(kind.__name__), f"{name}: {value} is no {kind.__name__}"
                if self.parameterNode.GetNodeReference(name) is not value:
                    self.parameterNode.SetNodeReferenceID(name, None if value is None else value.GetID())
                return
            if kind is pathlib.Path and isinstance(value, pathlib.PurePath):
                pass
            elif type(value) is not kind:
                raise ValueError(f"{name}: {value!r} is no {kind.__name__}")
            if not self.parameterNode.HasParameter(name) or self.parameterNode.GetParameter(name) != str(value):
                self.parameterNode.SetParameter(name, str(value))

        def connectGui(self, ui: Any) -> int:
            bound = {}
            for widget in vars(ui).values():
                name = widget.property("SlicerParameterName") if isinstance(widget, Wrapped) else None
                if name:
                    assert name in annotations, f"the .ui file binds {name}, which the parameter node does not have"
                    bound[name] = _Binding(self, name, annotations[name], widget)
            tag = self.parameterNode.AddObserver(
                "ModifiedEvent", lambda caller, event: [b.show() for b in bound.values()]
            )
            for binding in bound.values():
                binding.show()
            self._tags[tag] = bound
            return int(tag)

        def disconnectGui(self, tag: int) -> None:
            self.parameterNode.RemoveObserver(tag)
            for binding in self._tags.pop(tag).values():
                binding.close()

    Wrapper.__name__ = cls.__name__
    return Wrapper


class _Binding:
    """One widget bound to one parameter."""

    KINDS: ClassVar[dict[type, tuple[str, str]]] = {
        bool: ("checked", "toggled(bool)"),
        int: ("value", "valueChanged(int)"),
    }

    def __init__(self, wrapper: Any, name: str, kind: type, widget: Wrapped) -> None:
        self.wrapper, self.name, self.kind, self.widget = wrapper, name, kind, widget
        self.signal = (
            "currentNodeChanged(vtkMRMLNode*)" if issubclass(kind, slicer.vtkMRMLNode) else self.KINDS[kind][1]
        )
        widget.connect(self.signal, self.store)

    def store(self, value: Any = None) -> None:
        if issubclass(self.kind, slicer.vtkMRMLNode):
            setattr(self.wrapper, self.name, self.widget.currentNode())
        else:
            setattr(self.wrapper, self.name, self.kind(getattr(self.widget, self.KINDS[self.kind][0])))

    def show(self) -> None:
        value = getattr(self.wrapper, self.name)
        if issubclass(self.kind, slicer.vtkMRMLNode):
            if self.widget.currentNode() is not value:
                self.widget.setCurrentNode(value)
        elif self.kind(getattr(self.widget, self.KINDS[self.kind][0])) != value:
            setattr(self.widget, self.KINDS[self.kind][0], value)

    def close(self) -> None:
        self.widget.disconnect(self.signal, self.store)
