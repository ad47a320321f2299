"""What tabs share that follow something live, and whose views go along with the transform of their result."""

import slicer
from slicer.util import VTKObservationMixin

from DeepRegistrationSlicer.PanelFollow import Followed, PanelFollow
from DeepRegistrationSlicer.PanelForms import PanelForm
from DeepRegistrationSlicer.PanelPage import PanelPage, PanelServices
from DeepRegistrationSlicer.ResultNodes import ResultNodes


class PanelLivePage(PanelPage, VTKObservationMixin):
    """One tab; see `PanelPage`. Subclasses have `placeViews`.

    Args:
        form: widgets of the tab.
        services: of the panel.
        followed: what the tab follows.
    """

    showsIn3D = True

    def __init__(self, form: PanelForm, services: PanelServices, followed: Followed) -> None:
        PanelPage.__init__(self, form, services)
        VTKObservationMixin.__init__(self)
        self._shown: ResultNodes | None = None
        self._follow = PanelFollow(form.ui, services, followed)

    @property
    def isLive(self) -> bool:
        """True while something is followed."""
        return self._follow.isRunning

    def placeViews(self, result: ResultNodes) -> None:
        """Lets the views show where the result is now, if they are in the layout."""
        raise NotImplementedError

    def goAlong(self, result: ResultNodes) -> None:
        """From now on the views go along with this result."""
        self.removeObservers()
        self._shown = result
        if result.transform is not None:
            event = slicer.vtkMRMLTransformNode.TransformModifiedEvent
            self.addObserver(result.transform, event, self.onTransformModified)

    def onTransformModified(self, caller: object, event: object) -> None:
        """The transform was changed: by hand, by playing a sequence, or because something is followed."""
        self.placeViews(self._shown)

    def stopLive(self) -> None:
        """Follows no more."""
        self._follow.stop()

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        self._follow.stop()
        self.removeObservers()
        self._shown = None
