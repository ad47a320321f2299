"""Lets the tab key go down the panel; Qt goes by the order in which the forms were loaded."""

import itertools
from collections.abc import Iterator

import qt


def orderTabKey(root: qt.QWidget) -> None:
    """Sets the order of the tab key to that of the layouts.

    Args:
        root: the widget that holds all others.
    """
    for before, after in itertools.pairwise(_inOrder(root)):
        qt.QWidget.setTabOrder(before, after)


def _inOrder(widget: qt.QWidget) -> Iterator[qt.QWidget]:
    """A widget and what is in it, from top to bottom, as far as they can be reached."""
    # the order of those that take no focus cannot be set
    if widget.focusPolicy != qt.Qt.NoFocus:
        yield widget
    if isinstance(widget, qt.QTabWidget):
        for index in range(widget.count):
            yield from _inOrder(widget.widget(index))
    elif widget.layout() is not None:
        yield from _inLayout(widget.layout())


def _inLayout(layout: qt.QLayout) -> Iterator[qt.QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item.widget() is not None:
            yield from _inOrder(item.widget())
        elif item.layout() is not None:
            yield from _inLayout(item.layout())
