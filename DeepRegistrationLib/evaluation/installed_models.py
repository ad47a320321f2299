"""Which methods can be measured with the models that are installed, and with which models they were."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.workflows.fetal_networks import CORRECTION_NET, POSE_NET
from DeepRegistrationLib.workflows.fetal_slice_proposals import SLICE_NET

Method = TypeVar("Method", bound=StrEnum)

_XRAY_DEEP_NET = "xray-deep-net"
_NEEDED = {
    FetalVolumeMethod.POSE_NET: (POSE_NET,),
    FetalVolumeMethod.CORRECTION_NET: (POSE_NET, CORRECTION_NET),
    FetalVolumeMethod.VVR_DEEP: (POSE_NET, CORRECTION_NET),
    FetalSliceMethod.SLICE_NET: (SLICE_NET,),
    FetalSliceMethod.SVR_DEEP: (SLICE_NET,),
    XrayCtMethod.NET: (_XRAY_DEEP_NET,),
    XrayCtMethod.NET_GRAD_NCC: (_XRAY_DEEP_NET,),
}
_HELPFUL = {
    (FetalVolumeMethod, FetalVolumeMethod.AUTO): (POSE_NET, CORRECTION_NET),
    (FetalSliceMethod, FetalSliceMethod.AUTO): (SLICE_NET,),
}
"""Models that a method asks if all of them are there."""


def is_installed(name: str) -> bool:
    """True if the weights of a model are there and sound."""
    try:
        load_model(name, "cpu")
    except (InputError, RegistrationError):
        return False
    return True


def methods_at_hand(methods: Iterable[Method]) -> tuple[Method, ...]:
    """The methods whose models are installed, in their order."""
    return tuple(method for method in methods if all(map(is_installed, _NEEDED.get(method, ()))))


def check_models(methods: Iterable[Method]) -> None:
    """Refuses methods that could not be measured; a missing model is no failure of a registration.

    Raises:
        InputError: a model is missing.
    """
    lacking = {
        str(method): [name for name in _NEEDED.get(method, ()) if not is_installed(name)]
        for method in methods
    }
    lacking = {method: names for method, names in lacking.items() if names}
    if lacking:
        models = ", ".join(dict.fromkeys(name for names in lacking.values() for name in names))
        raise InputError(
            f"{', '.join(lacking)} cannot be measured without trained networks that are not installed or "
            f"damaged: {models}. Leave the method out (--method), see 'deepregistration models list', or "
            "name a folder with the networks in the variable DEEPREGISTRATION_MODELS."
        )


def models_of(method: StrEnum, others: Iterable[str] = ()) -> str:
    """The installed models that a method asks, for a table: name, version and checksum.

    Args:
        method: whose models are there, or that does without.
        others: names of more models that take part.
    """
    helpful = _HELPFUL.get((type(method), method), ())
    names = [*_NEEDED.get(method, ()), *(helpful if all(map(is_installed, helpful)) else ()), *others]
    stamps = [find_model(name).stamp for name in names]
    return "; ".join(f"{stamp.name} {stamp.version} {stamp.sha256[:8]}" for stamp in stamps)


def check_same_models(method: str, before: str, now: str) -> None:
    """Refuses to go on with a study that was begun with other models: their errors do not compare.

    Args:
        method: for the message.
        before: models that a trial was made with, as `models_of` tells.
        now: models that it would be made with today.

    Raises:
        InputError: they differ.
    """
    if before != now:
        raise InputError(
            f"The study was begun with other networks: '{method}' with {before or 'none'}, today "
            f"{now or 'none'}. Choose another folder (--output)."
        )
