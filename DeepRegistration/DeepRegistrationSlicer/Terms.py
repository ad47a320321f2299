"""Parts of the program with terms of their own: a person agrees to them once, before they are used."""

from collections.abc import Sequence
from dataclasses import dataclass

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.models.catalog import model_catalog
from DeepRegistrationSlicer.Choices import BoneAtlasChoice, JobChoice, XrayMethodChoice
from DeepRegistrationSlicer.HeadlessSlicer import isDesktop
from DeepRegistrationSlicer.Parameters import RegistrationParameters

_SETTING = "DeepRegistration/agreed/{name}"


@dataclass(frozen=True)
class Part:
    """What is not free for every use.

    Attributes:
        name: of a network, or of an atlas that comes with the program.
        licence: in words.
    """

    name: str
    licence: str


XRAY_METHODS_WITH_NETWORK = (XrayMethodChoice.NET, XrayMethodChoice.NET_GRAD_NCC)
FEMUR_ATLAS = Part("femur-atlas", "CC BY-NC 4.0, as the bones that it was made from (non-commercial)")


def partsOf(parameters: RegistrationParameters) -> list[Part]:
    """What the tab shown may use. Networks begin with the first word of their job: fetal, us, biplanar, xray.

    Of radiographs and a CT only the descents of the paper use one, and only these ask.
    """
    word = parameters.job.value.partition("-")[0]
    if parameters.job == JobChoice.XRAY_CT and parameters.xrayCt.method not in XRAY_METHODS_WITH_NETWORK:
        return []
    entries = [entry for entry in model_catalog().values() if entry.is_non_commercial]
    parts = [Part(entry.name, entry.licence) for entry in entries if entry.name.partition("-")[0] == word]
    isFemur = parameters.biplanar.atlas.source == BoneAtlasChoice.FEMUR
    return [FEMUR_ATLAS, *parts] if parameters.job == JobChoice.BIPLANAR and isFemur else parts


def agreeToTerms(parts: Sequence[Part]) -> None:
    """Asks for the terms that nobody here has agreed to yet; does nothing if there are none.

    Raises:
        RegistrationError: the person does not agree.
    """
    settings = slicer.app.settings() if isDesktop() else None
    if settings is None or slicer.app.testingEnabled():
        # who runs a command has read the licences of what it uses
        return
    asked = [part for part in parts if settings.value(_SETTING.format(name=part.name)) != part.licence]
    if not asked:
        return
    lines = "\n\n".join(f"{part.name}: {part.licence}." for part in asked)
    question = _(
        "This registration uses parts that are not free for every use:\n\n{lines}\n\n"
        "Do you agree to these terms? You are asked once."
    )
    if not slicer.util.confirmOkCancelDisplay(question.format(lines=lines), "DeepRegistration"):
        names = ", ".join(part.name for part in asked)
        raise RegistrationError(
            _(
                "The terms of {names} were not agreed to, so nothing was registered. Press Register to be "
                "asked again."
            ).format(names=names)
        )
    for part in asked:
        settings.setValue(_SETTING.format(name=part.name), part.licence)
