"""PySide6 that reads like PythonQt: the module `qt` of the tests.

PythonQt makes Qt's properties attributes (`label.text = "..."`); PySide6 has methods. Every property of every
class is turned into an attribute here. Signals, slots and the rest are alike in both.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

# C++ asks Python classes for these by name: they have to stay methods
_VIRTUAL = {"sizeHint", "minimumSizeHint"}
_MODULES = (QtCore, QtGui, QtWidgets)

for _module in _MODULES:
    globals().update({_name: getattr(_module, _name) for _name in dir(_module) if not _name.startswith("_")})


class _PropertyAttribute:
    """A Qt property as an attribute of instances; the class still shows the method of that name."""

    def __init__(self, name: str, method: Callable | None) -> None:
        self.name = name
        self.method = method

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.method
        return QtCore.QObject.property(instance, self.name)

    def __set__(self, instance, value) -> None:
        QtCore.QObject.setProperty(instance, self.name, value)


def _make_properties_attributes() -> None:
    for module in _MODULES:
        for name in dir(module):
            cls = getattr(module, name)
            if isinstance(cls, type) and issubclass(cls, QtCore.QObject):
                _make_attributes_of(cls)


def _make_attributes_of(cls: type) -> None:
    meta = cls.staticMetaObject
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(index).name()
        if name not in _VIRTUAL:
            setattr(cls, name, _PropertyAttribute(name, getattr(cls, name, None)))


_make_properties_attributes()
QtCore.QObject.name = _PropertyAttribute("objectName", None)
QtCore.QObject.className = lambda self: self.metaObject().className()
QtCore.QObject.delete = lambda self: shiboken6.delete(self)


class QUiLoader(QtUiTools.QUiLoader):
    """Loads .ui files with the stand-ins of CTK and MRML widgets in them."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[QtWidgets.QWidget] = []

    def createWidget(self, className, parent=None, name=""):
        """Makes one widget of a form."""
        custom = _custom_widget(className)
        if custom is None:
            return super().createWidget(className, parent, name)
        widget = custom(parent)
        widget.setObjectName(name)
        self._made.append(widget)
        return widget

    def load(self, file, parent=None):
        """Makes all widgets of a form; connects them by name, as Python knows no C++ types."""
        root = ElementTree.fromstring(bytes(file.readAll().data()))
        connections = root.find("connections")
        if connections is not None:
            root.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        # else Python would drop the Python half of the widgets
        widget.madeByLoader = self._made
        by_name = {child.objectName: child for child in [widget, *widget.findChildren(QtCore.QObject)]}
        for connection in connections if connections is not None else ():
            sender, receiver = (by_name[connection.findtext(role)] for role in ("sender", "receiver"))
            signal = getattr(sender, connection.findtext("signal").partition("(")[0])
            signal.connect(getattr(receiver, connection.findtext("slot").partition("(")[0]))
        return widget


def _custom_widget(className: str) -> type | None:
    import ctk
    import slicer

    return getattr(ctk if className.startswith("ctk") else slicer, className, None)
