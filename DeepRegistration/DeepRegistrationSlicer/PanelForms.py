"""The pages of the panel, put together from forms; which widget shows which parameter.

A form names parameters of its own job with a dot in front (".method"), so that a form such as that of the
atlas serves several jobs.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import qt
import slicer

PARAMETER = "SlicerParameterName"
"""Property of a widget in a form: the parameter that it shows."""


class PanelForm:
    """The widgets of one tab, those of shared forms included.

    Attributes:
        widget: the page.
        ui: its widgets by name.
        repeats: choices within those of the page -> widgets by name, of a form that is there several times.

    Args:
        load: makes the widget of a form from its name.
        name: of the page's form.
        parts: form -> name of the widget in the page that it is put into.
        repeats: choices -> (form, name of the widget in the page that it is put into).
    """

    def __init__(
        self,
        load: Callable[[str], qt.QWidget],
        name: str,
        parts: Mapping[str, str],
        repeats: Mapping[str, tuple[str, str]],
    ) -> None:
        self.widget = load(name)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._forms = [self.widget]
        for part, place in parts.items():
            form = load(part)
            vars(self.ui).update(vars(slicer.util.childWidgetVariables(form)))
            getattr(self.ui, place).layout().addWidget(form)
            self._forms.append(form)
        self.repeats: dict[str, SimpleNamespace] = {}
        for choices, (part, place) in repeats.items():
            form = load(part)
            self.repeats[choices] = slicer.util.childWidgetVariables(form)
            getattr(self.ui, place).layout().addWidget(form)
            self._forms.append(form)

    def widgetsByParameter(self, pack: str) -> dict[str, qt.QWidget]:
        """The widgets that show a parameter of a pack, or of a pack within it."""
        found = widgetsByParameter(self.ui, pack)
        for choices, ui in self.repeats.items():
            found |= widgetsByParameter(ui, f"{pack}.{choices}")
        return found

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:
        """Lets the widgets that list nodes know the scene."""
        for form in self._forms:
            form.setMRMLScene(scene)


def widgetsByParameter(ui: SimpleNamespace, pack: str = "") -> dict[str, qt.QWidget]:
    """The widgets that show a parameter.

    Args:
        ui: widgets by name.
        pack: name of the job's choices, put before names that begin with a dot.
    """
    named = [(widget.property(PARAMETER), widget) for widget in vars(ui).values()]
    return {pack + name if name.startswith(".") else name: widget for name, widget in named if name}


def setRowVisible(ui: object, name: str, visible: bool) -> None:
    """Shows or hides a row of a form: its label and its widget."""
    for kind in ("Label", "Selector", "SpinBox", "CheckBox"):
        widget = getattr(ui, name + kind, None)
        if widget is not None:
            widget.visible = visible
