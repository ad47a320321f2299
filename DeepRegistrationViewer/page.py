"""The web page: Slicer's views of a result, before and after, overlay, labels, confidence in words."""

from pathlib import Path

from trame.app import TrameApp
from trame.ui.vuetify3 import VAppLayout
from trame.widgets import client, html
from trame.widgets import vuetify3 as vuetify
from trame_slicer import module as trame_slicer_module
from trame_slicer.core import LayoutManager
from trame_slicer.rca_view import register_rca_factories
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition
from vtkmodules.vtkCommonCore import vtkCommand

from DeepRegistrationViewer.scene import ResultScene, slicer_application

_FILES = "result"
"""Part of the address under which the files of the result folder are found."""
_SLICES = (
    ViewLayoutDefinition.axial_view(),
    ViewLayoutDefinition.sagittal_view(),
    ViewLayoutDefinition.coronal_view(),
)
_THREE_D = ViewLayoutDefinition.threed_view()
_LAYOUT = "result"
_COLORS = {"high": "success", "moderate": "warning", "low": "error"}
_OVERLAY = 0.5
_BEFORE, _AFTER = "before", "after"


class ResultPage(TrameApp):
    """Serves one result once its `server` is started.

    Args:
        folder: result folder with a scene.mrb.

    Raises:
        InputError: the folder has no scene, or one without a result.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(client_type="vue3")
        self.server.enable_module(trame_slicer_module)
        self.server.enable_module({"serve": {_FILES: str(folder.resolve())}})
        application = slicer_application()
        views = application.view_manager
        register_rca_factories(views, self.server)
        # before the scene: each view takes over the node that the scene brings for its name
        for definition in (*_SLICES, _THREE_D):
            views.create_view(definition)
        self._scene = ResultScene(application, folder)
        shown = self._scene.show()
        self._slices = [views.get_view(name) for name in shown]
        self._layouts = LayoutManager(application.scene, views, self.server)
        self._layouts.register_layout(_LAYOUT, _layout(shown))
        self._set_state()
        self._build((folder / "report.html").exists())
        self._layouts.set_layout(_LAYOUT)
        for view in self._slices:
            view.interactor().AddObserver(vtkCommand.WindowResizeEvent, lambda *_: self._fit())
        self._scene.look(_THREE_D.singleton_tag)

    def _fit(self) -> None:
        """What the slice views show fills them; those that look at an image are aimed at it again."""
        for view in self._slices:
            view.fit_view_to_content()
        self._aim()

    def _aim(self) -> None:
        self._scene.show()
        self._mix()
        # nothing else tells the page, after the size of a view has changed, where its slider stands now
        self.state.flush()

    def _mix(self, **_: object) -> None:
        for view in self._slices:
            view.set_foreground_opacity(self.state.overlay)

    def _put(self, **_: object) -> None:
        self._scene.put(self.state.place == _AFTER)
        self._aim()

    def _show_labels(self, **_: object) -> None:
        self._scene.show_labels(self.state.are_labels_shown)

    def _set_state(self) -> None:
        self.state.trame__title = f"DeepRegistration: {self._scene.subject_name}"
        self.state.overlay = _OVERLAY
        self.state.place = _AFTER if self._scene.is_after else _BEFORE
        self.state.are_labels_shown = self._scene.has_labels
        self.state.change("overlay")(self._mix)
        if self._scene.is_movable:
            self.state.change("place")(self._put)
        if self._scene.has_labels:
            self.state.change("are_labels_shown")(self._show_labels)

    def _build(self, has_report: bool) -> None:
        with VAppLayout(self.server, theme="dark") as page:
            client.Style("html { overflow-y: hidden; }")
            with vuetify.VNavigationDrawer(permanent=True, width=300), html.Div(classes="pa-4"):
                self._build_result()
                self._build_switches()
                if has_report:
                    with html.A(href=f"{_FILES}/report.html", target="_blank", classes="text-primary"):
                        html.Span("Report with pictures and numbers")
                for warning in self._scene.content["warnings"]:
                    html.Div(warning, classes="text-caption mt-2")
            with vuetify.VMain(), html.Div(style="height: 100vh; display: flex;"):
                self._layouts.initialize_layout_grid(page)

    def _build_result(self) -> None:
        content = self._scene.content
        html.Div(self._scene.subject_name, classes="text-h6")
        html.Div(f"{content['job']}, {content['method']}, {content['device']}", classes="text-caption mb-4")
        vuetify.VAlert(
            type=_COLORS[content["trust"]],
            title=f"Confidence {content['trust']} ({content['confidence']:.2f})",
            text=_sentence(content["confidence_reason"]),
            density="compact",
            classes="mb-4",
        )

    def _build_switches(self) -> None:
        if self._scene.is_movable:
            with vuetify.VBtnToggle(
                v_model=("place",), mandatory=True, divided=True, color="primary", classes="my-4"
            ):
                vuetify.VBtn("Before", value=_BEFORE, title="Where the image was before the registration")
                vuetify.VBtn("After", value=_AFTER, title="Where the registration found it")
        vuetify.VSlider(
            v_model=("overlay",), label="Overlay", min=0, max=1, step=0.05, hide_details=True, color="primary"
        )
        if self._scene.has_labels:
            vuetify.VSwitch(v_model=("are_labels_shown",), label="Labels", color="primary", hide_details=True)


def _layout(shown: tuple[str, ...]) -> Layout:
    """3D beside the slice views that are worth showing; with three of them, two rows of two."""
    slices = [definition for definition in _SLICES if definition.singleton_tag in shown]
    half = 2 if len(slices) > 2 else len(slices)
    left = [_THREE_D, *slices[half:]]
    return Layout(
        LayoutDirection.Horizontal,
        [Layout(LayoutDirection.Vertical, column) for column in (slices[:half], left)],
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
