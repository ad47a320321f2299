"""The part of the X-ray tab for one radiograph: which fields are asked for, and what is known from where."""

from html import escape
from pathlib import Path
from types import SimpleNamespace

import ctk
import qt
from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.images.geometry_file import read_geometry_file
from DeepRegistrationSlicer.Choices import GeometryChoice
from DeepRegistrationSlicer.PanelForms import setRowVisible
from DeepRegistrationSlicer.XrayGeometry import (
    IN_WORDS,
    NO_ANGLE_DEG,
    NO_FILE,
    KnownNumbers,
    RadiographSource,
)
from DeepRegistrationSlicer.XrayParameters import RadiographParameters

_ANGLES = ("primaryAngle", "secondaryAngle")
_DRAWING = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / "c-arm.png"


class PanelRadiograph:
    """Behaviour of one form; values are bound by their names.

    Args:
        ui: widgets of the form by name.
        title: of the form.
        isCollapsed: it is folded away at first.
    """

    def __init__(self, ui: SimpleNamespace, title: str, isCollapsed: bool = False) -> None:
        self._ui = ui
        ui.radiographCollapsibleButton.text = title
        ui.radiographCollapsibleButton.collapsed = isCollapsed
        ui.fileSelector.filters = ctk.ctkPathLineEdit.Files
        ui.drawingLabel.setPixmap(qt.QPixmap(str(_DRAWING)))

    def update(self, chosen: RadiographParameters) -> None:
        """Shows the widgets that belong to the choices."""
        source = sourceOf(chosen)
        isFile, isChosen = chosen.geometry == GeometryChoice.FILE, source.frameCount > 0
        try:
            needsDistance, told = source.needsDistance(), source.told()
        except RegistrationError:
            # the reason not to register says it
            needsDistance, told = False, KnownNumbers()
        setRowVisible(self._ui, "frame", source.frameCount > 1)
        self._ui.frameSpinBox.suffix = _("  (0 to {last})").format(last=source.frameCount - 1)
        for name in ("geometry", "mirrored"):
            setRowVisible(self._ui, name, isChosen)
        setRowVisible(self._ui, "file", isChosen and isFile)
        for name in IN_WORDS:
            isAsked = not isFile or (name == "sourceToDetector" and needsDistance)
            setRowVisible(self._ui, name, isChosen and isAsked)
            self._showTold(name, None if isFile else getattr(told, name))
        isMissing = not isFile and bool(source.entered.completedBy(told).missing())
        self._ui.drawingLabel.visible = isChosen and isMissing
        self._ui.geometryText.visible = isChosen
        self._ui.geometryText.text = _fileInWords(source) if isFile else _numbersInWords(source, told)

    def _showTold(self, name: str, told: float | None) -> None:
        """A field that is left alone says what the header tells."""
        unit = _("degrees") if name in _ANGLES else _("mm")
        text = _("missing") if told is None else _("{value:g} {unit} (DICOM)").format(value=told, unit=unit)
        box = getattr(self._ui, f"{name}SpinBox")
        if box.specialValueText != text:
            box.specialValueText = text


def sourceOf(chosen: RadiographParameters) -> RadiographSource:
    """The radiograph that the choices describe."""
    file = None
    if chosen.geometry == GeometryChoice.FILE:
        file = Path(chosen.file) if chosen.file else NO_FILE
    entered = KnownNumbers(
        chosen.sourceToDetector or None,
        chosen.sourceToIsocentre or None,
        None if chosen.primaryAngle <= NO_ANGLE_DEG else chosen.primaryAngle,
        None if chosen.secondaryAngle <= NO_ANGLE_DEG else chosen.secondaryAngle,
        chosen.columnSpacing or None,
        chosen.rowSpacing or None,
    )
    return RadiographSource(chosen.volume, chosen.frame, file, entered, chosen.isMirrored)


def _numbersInWords(source: RadiographSource, told: KnownNumbers) -> str:
    path = source.dicomFile()
    lines = []
    if path is None:
        lines.append(_("This radiograph has no DICOM header."))
    entered = [name for name in IN_WORDS if getattr(source.entered, name) is not None]
    fromHeader = [name for name in IN_WORDS if getattr(told, name) is not None and name not in entered]
    missing = source.entered.completedBy(told).missing()
    if fromHeader:
        lines.append(_("<b>From the DICOM header:</b> {what}.").format(what=_list(told, fromHeader)))
    if entered:
        lines.append(_("<b>Entered:</b> {what}.").format(what=_list(source.entered, entered)))
    if missing:
        what = ", ".join(IN_WORDS[name] for name in missing)
        lines.append(_("<b>Missing:</b> {what}. Enter this above.").format(what=what))
    return "<br/>".join([*lines, *(escape(note) for note in source.notes())])


def _fileInWords(source: RadiographSource) -> str:
    if source.file == NO_FILE:
        return _("<b>Missing:</b> a camera file.")
    try:
        camera = read_geometry_file(source.file, source.entered.sourceToDetector)
    except RegistrationError as err:
        return escape(str(err))
    column_mm, row_mm = camera.pixel_spacing_mm
    columns, rows = camera.image_size_px
    return _(
        "<b>From the camera file:</b> source to detector {distance:g} mm; {columns} x {rows} pixels of "
        "{column_mm:.4g} x {row_mm:.4g} mm."
    ).format(
        distance=camera.source_to_detector_mm, columns=columns, rows=rows, column_mm=column_mm, row_mm=row_mm
    )


def _list(numbers: KnownNumbers, names: list[str]) -> str:
    """As "distance from source to detector 1020 mm, primary angle 30 degrees"."""
    parts = []
    for name in names:
        words, _bracket, unit = IN_WORDS[name].rstrip(")").partition(" (")
        parts.append(f"{words} {getattr(numbers, name):g} {unit}")
    return ", ".join(parts)
