"""Which methods can be measured with the models that are installed."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.workflows.fetal_networks import CORRECTION_NET, POSE_NET
from DeepRegistrationLib.workflows.fetal_slice_proposals import SLICE_NET

Method = TypeVar("Method", bound=StrEnum)

_NEEDED = {
    FetalVolumeMethod.POSE_NET: (POSE_NET,),
    FetalVolumeMethod.CORRECTION_NET: (POSE_NET, CORRECTION_NET),
    FetalVolumeMethod.VVR_DEEP: (POSE_NET, CORRECTION_NET),
    FetalSliceMethod.SLICE_NET: (SLICE_NET,),
    FetalSliceMethod.SVR_DEEP: (SLICE_NET,),
}


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
    for method in methods:
        for name in _NEEDED.get(method, ()):
            if not is_installed(name):
                raise InputError(
                    f"The method '{method}' needs the model '{name}', which is not installed. Leave the "
                    "method out (--method), or see which models there are: deepregistration models list"
                )
