"""What a user does with the panel: opens it on a tab, chooses, presses, waits."""

import time
from types import SimpleNamespace

import qt
import slicer
from DeepRegistrationSlicer.Choices import JobChoice

LONGEST_S = 300.0


class OpenPanel:
    """The panel as Slicer opens it when the user chooses the module.

    Attributes:
        widget: the module's widget object.
        ui: widgets of the tab and those that all tabs share, by name.
        panel: what is behind them.
        logic: of the module.

    Args:
        module: the module, loaded.
        job: the tab that the user looks at.
    """

    def __init__(self, module, job: JobChoice) -> None:
        self.parent, self.widget = module.makePanel()
        self.parent.isEntered = True
        self.parent.resize(460, 900)
        self.parent.show()
        self.widget.enter()
        self.panel, self.logic = self.widget.panel, self.widget.logic
        self.panel.parameters.job = job
        self.ui = SimpleNamespace(**vars(self.widget.ui) | vars(self.panel.forms[job].ui))

    @property
    def parameters(self):
        return self.panel.parameters

    def enter(self) -> None:
        self.widget.enter()

    def exit(self) -> None:
        self.widget.exit()

    def wait(self, until=lambda: False) -> None:
        """Lets Qt run until no job is under way, or the condition holds."""
        deadline = time.monotonic() + LONGEST_S
        while self.logic.job is not None and not until():
            assert time.monotonic() < deadline, "the job did not end"
            slicer.app.processEvents()
            time.sleep(0.005)

    def waitFor(self, condition) -> None:
        """Lets Qt run until the condition holds."""
        deadline = time.monotonic() + LONGEST_S
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            slicer.app.processEvents()
            time.sleep(0.005)

    def register(self) -> None:
        self.ui.registerButton.click()
        self.wait()


def choose(selector, choice) -> None:
    selector.currentIndex = list(type(choice)).index(choice)


def isShown(widget: qt.QWidget) -> bool:
    return not widget.isHidden()
