"""The trained networks of the program in words: a line each, and their cards."""

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.models.catalog import model_catalog
from DeepRegistrationLib.models.model_card import model_card


def showNetworks() -> None:
    """Tells which networks there are, for what and under which licence; the cards stand in the details.

    Raises:
        InputError: the catalogue cannot be read.
    """
    entries = list(model_catalog().values())
    lines = "\n\n".join(
        _("{name}, version {version}: {summary}. {licence}.").format(
            name=entry.name,
            version=entry.version,
            summary=entry.summary.rstrip("."),
            licence=entry.licence.rstrip("."),
        )
        for entry in entries
    )
    slicer.util.infoDisplay(
        lines or _("There are no trained networks."),
        windowTitle=_("Trained networks"),
        detailedText="\n\n".join(map(model_card, entries)),
    )
