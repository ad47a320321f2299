"""How each kind of widget is read and written for a parameter."""

import typing
from enum import Enum

import qt
import slicer

from Testing.Slicer.host.parameter_node import GuiConnector, Member, parameterNodeGuiConnector


class _Connector(GuiConnector):
    widgetTypes: tuple[type, ...] = ()
    signal = ""

    @classmethod
    def canRepresent(cls, widget, hint) -> bool:
        return type(widget) in cls.widgetTypes and cls.fits(Member(hint, None))

    @classmethod
    def create(cls, widget, hint):
        return cls(widget, Member(hint, None))

    @staticmethod
    def fits(member) -> bool:
        return True

    def __init__(self, widget, member) -> None:
        super().__init__()
        self.widget, self.member = widget, member

    def _connect(self) -> None:
        getattr(self.widget, self.signal).connect(self.changed)

    def _disconnect(self) -> None:
        getattr(self.widget, self.signal).disconnect(self.changed)


@parameterNodeGuiConnector
class CheckBox(_Connector):
    widgetTypes, signal = (qt.QCheckBox,), "toggled"

    def read(self):
        return self.widget.checked

    def write(self, value) -> None:
        self.widget.checked = value


@parameterNodeGuiConnector
class SpinBox(_Connector):
    widgetTypes, signal = (qt.QSpinBox, qt.QDoubleSpinBox, qt.QSlider), "valueChanged"

    def __init__(self, widget, member) -> None:
        super().__init__(widget, member)
        widget.setRange(member.range.minimum, member.range.maximum)

    def read(self):
        return self.widget.value

    def write(self, value) -> None:
        self.widget.value = value


@parameterNodeGuiConnector
class LineEdit(_Connector):
    widgetTypes, signal = (qt.QLineEdit,), "textChanged"

    def read(self):
        return self.widget.text

    def write(self, value) -> None:
        if value != self.widget.text:
            self.widget.text = value


@parameterNodeGuiConnector
class EnumBox(_Connector):
    widgetTypes, signal = (qt.QComboBox,), "currentIndexChanged"

    @staticmethod
    def fits(member) -> bool:
        return issubclass(member.types[0], Enum)

    def __init__(self, widget, member) -> None:
        super().__init__(widget, member)
        self.choices = list(member.types[0])
        widget.clear()
        widget.addItems([choice.label() for choice in self.choices])

    def read(self):
        return self.choices[self.widget.currentIndex]

    def write(self, value) -> None:
        self.widget.currentIndex = self.choices.index(value)


@parameterNodeGuiConnector
class NodeBox(_Connector):
    widgetTypes, signal = (slicer.qMRMLNodeComboBox,), "currentNodeChanged"

    def __init__(self, widget, member) -> None:
        super().__init__(widget, member)
        widget.nodeTypes = [typing.cast(type, t)().GetClassName() for t in member.types]

    def read(self):
        return self.widget.currentNode()

    def write(self, value) -> None:
        self.widget.setCurrentNode(value)
