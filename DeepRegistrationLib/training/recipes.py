"""The recipes there are, and their settings from a file."""

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.training.biplanar_comparison_recipes import BiplanarLabelRecipe, BiplanarSdmRecipe
from DeepRegistrationLib.training.biplanar_recipe import BiplanarAffineRecipe, BiplanarNetRecipe
from DeepRegistrationLib.training.contrast_recipe import ContrastRecipe
from DeepRegistrationLib.training.contrast_unpaired_recipe import ContrastUnpairedRecipe
from DeepRegistrationLib.training.correction_net_recipe import CorrectionNetRecipe
from DeepRegistrationLib.training.pose_net_recipe import PoseNetRecipe
from DeepRegistrationLib.training.recipe import Recipe
from DeepRegistrationLib.training.slice_net_recipe import SliceNetRecipe
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from DeepRegistrationLib.training.us_angle_recipe import UsAngleRecipe
from DeepRegistrationLib.training.us_triplet_recipe import UsTripletRecipe
from DeepRegistrationLib.training.xray_deep_net_recipe import XrayDeepNetRecipe

_RECIPES: Mapping[TrainableNetwork, type] = {
    TrainableNetwork.POSE_NET: PoseNetRecipe,
    TrainableNetwork.CORRECTION_NET: CorrectionNetRecipe,
    TrainableNetwork.SLICE_NET: SliceNetRecipe,
    TrainableNetwork.CONTRAST: ContrastRecipe,
    TrainableNetwork.CONTRAST_UNPAIRED: ContrastUnpairedRecipe,
    TrainableNetwork.XRAY_DEEP_NET: XrayDeepNetRecipe,
    TrainableNetwork.US_ANGLE_NET: UsAngleRecipe,
    TrainableNetwork.US_TRIPLET_NET: UsTripletRecipe,
    TrainableNetwork.BIPLANAR_AFFINE_NET: BiplanarAffineRecipe,
    TrainableNetwork.BIPLANAR_NET: BiplanarNetRecipe,
    TrainableNetwork.BIPLANAR_SDM_NET: BiplanarSdmRecipe,
    TrainableNetwork.BIPLANAR_LABEL_NET: BiplanarLabelRecipe,
}


def make_recipe(network: TrainableNetwork, config: Path | None = None) -> Recipe:
    """The recipe of a network.

    Args:
        network: which one.
        config: TOML file whose tables and keys are the fields of the recipe, such as `[training]` with
            `steps = 500`; what it does not name keeps its default.

    Raises:
        InputError: the file cannot be read, or names a field or value that does not exist.
    """
    recipe = _RECIPES[network]()
    if config is None:
        return recipe
    try:
        content = tomllib.loads(config.read_text(encoding="utf-8"))
        return _changed(recipe, content)
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError) as err:
        raise InputError(f"The training settings '{config}' cannot be used: {err}.") from err


def recipe_as_dict(recipe: Recipe) -> dict[str, object]:
    """Every setting of a recipe as JSON knows it."""

    def plain(value: object) -> object:
        if dataclasses.is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, tuple):
            return list(value)
        return value.value if isinstance(value, Enum) else value

    return plain(recipe)


def _changed(settings: object, content: Mapping[str, object], where: str = "") -> object:
    hints = typing.get_type_hints(type(settings))
    changes = {}
    for name, value in content.items():
        if name not in hints:
            raise ValueError(f"'{where}{name}' is unknown; known are {', '.join(sorted(hints))}")
        current = getattr(settings, name)
        if dataclasses.is_dataclass(current):
            changes[name] = _changed(current, value, f"{where}{name}.")
        elif isinstance(current, Enum):
            changes[name] = type(current)(value)
        elif isinstance(current, tuple):
            changes[name] = tuple(value)
        elif isinstance(value, type(current)) or (isinstance(current, float) and isinstance(value, int)):
            changes[name] = type(current)(value)
        else:
            raise ValueError(f"'{where}{name}' must be {type(current).__name__}, got {value!r}")
    return dataclasses.replace(settings, **changes)
