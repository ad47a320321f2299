"""Parameter nodes with types, packs and bound widgets, as far as the panel uses them."""

import types
import typing
from enum import Enum

import slicer
import vtk

_CONNECTORS: list[type["GuiConnector"]] = []


class GuiConnector:
    """Reads and writes one widget."""

    def __init__(self) -> None:
        self._callback = None

    def onChanged(self, callback) -> None:
        if callback is None:
            self._disconnect()
        self._callback = callback
        if callback is not None:
            self._connect()

    def changed(self, *_) -> None:
        if self._callback is not None:
            self._callback()


def parameterNodeGuiConnector(cls):
    """Registers a connector."""
    _CONNECTORS.append(cls)
    return cls


class WithinRange:
    """Annotation: the lowest and the highest value."""

    def __init__(self, minimum, maximum) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} to {self.maximum}")


class Member:
    """One typed value below a name of a node."""

    def __init__(self, hint, default) -> None:
        self.hint = hint
        annotated = typing.get_origin(hint) is typing.Annotated
        self.range = next((x for x in typing.get_args(hint) if isinstance(x, WithinRange)), None)
        base = typing.get_args(hint)[0] if annotated else hint
        isUnion = isinstance(base, types.UnionType)
        self.types = (
            tuple(t for t in typing.get_args(base) if t is not types.NoneType) if isUnion else (base,)
        )
        self.isUnion = isUnion
        self.isNode = issubclass(self.types[0], slicer.vtkMRMLNode)
        self.default = default

    def read(self, node, name):
        if self.isNode:
            names = [f"{name}.{n}" for n in range(len(self.types))] if self.isUnion else [name]
            return next((found for found in map(node.GetNodeReference, names) if found is not None), None)
        text, type_ = node.GetParameter(name), self.types[0]
        if issubclass(type_, Enum):
            return type_[text]
        return text == "True" if type_ is bool else type_(text)

    def write(self, node, name, value) -> None:
        if self.range is not None:
            self.range.validate(value)
        if self.isNode:
            fits = [value is not None and isinstance(value, t) for t in self.types]
            for number, isIt in enumerate(fits):
                entry = f"{name}.{number}" if self.isUnion else name
                node.SetParameter(entry, "")
                node.SetNodeReferenceID(entry, value.GetID() if isIt else None)
        else:
            node.SetParameter(name, value.name if isinstance(value, Enum) else str(value))

    def isIn(self, node, name) -> bool:
        return node.HasParameter(f"{name}.0" if self.isUnion else name)


def _membersOf(cls) -> dict[str, Member | type]:
    members = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        isPack = getattr(hint, "isPack", False)
        members[name] = hint if isPack else Member(hint, getattr(cls, name, None))
    return members


def parameterPack(cls):
    """Decorator: a group of parameters."""
    cls.isPack, cls.members = True, _membersOf(cls)
    return cls


class _Group:
    """Members below a prefix, as attributes that read and write the node."""

    def __init__(self, node, members, prefix="") -> None:
        self.__dict__.update(_node=node, _members=members, _prefix=prefix)
        for name, member in members.items():
            if isinstance(member, Member):
                if not member.isIn(node, prefix + name):
                    member.write(node, prefix + name, member.default)
                member.read(node, prefix + name)
            else:
                self.__dict__[name] = _Group(node, member.members, f"{prefix}{name}.")

    def __getattr__(self, name):
        if name not in self._members:
            raise AttributeError(name)
        return self._members[name].read(self._node, self._prefix + name)

    def __setattr__(self, name, value) -> None:
        self._members[name].write(self._node, self._prefix + name, value)


def parameterNodeWrapper(cls):
    """Decorator: a node with typed parameters."""
    members = _membersOf(cls)

    class Wrapper(_Group):
        __doc__, __annotations__ = cls.__doc__, cls.__annotations__

        def __init__(self, node) -> None:
            super().__init__(node, members)
            self.__dict__.update(parameterNode=node, _bindings={}, _busy=False)

        def connectParametersToGui(self, widgets) -> int:
            bound = {}
            for parameter, widget in widgets.items():
                group, name = self._find(parameter)
                member = group._members[name]
                connector = next(c for c in _CONNECTORS if c.canRepresent(widget, member.hint))
                bound[group, name] = connector.create(widget, member.hint)
            for (group, name), connector in bound.items():
                connector.write(getattr(group, name))
                connector.onChanged(lambda g=group, n=name, c=connector: self._store(g, n, c))
            observer = self.parameterNode.AddObserver(
                vtk.vtkCommand.ModifiedEvent, lambda *_: self._show(bound)
            )
            tag = len(self._bindings)
            self._bindings[tag] = (bound, observer)
            return tag

        def disconnectGui(self, tag) -> None:
            bound, observer = self._bindings.pop(tag, ({}, None))
            for connector in bound.values():
                connector.onChanged(None)
            if observer is not None:
                self.parameterNode.RemoveObserver(observer)

        def AddObserver(self, event, callback, priority=0.0):
            return self.parameterNode.AddObserver(event, callback, priority)

        def RemoveObserver(self, tag) -> None:
            self.parameterNode.RemoveObserver(tag)

        def _find(self, dotted):
            group, *names = self, *dotted.split(".")
            for name in names[:-1]:
                group = group.__dict__[name]
            return group, names[-1]

        def _store(self, group, name, connector) -> None:
            if not self._busy:
                setattr(group, name, connector.read())

        def _show(self, bound) -> None:
            if self._busy:
                return
            self.__dict__["_busy"] = True
            try:
                for (group, name), connector in bound.items():
                    connector.write(getattr(group, name))
            finally:
                self.__dict__["_busy"] = False

    return Wrapper
