"""The recipe as lightning sees it."""

import math
from pathlib import Path
from typing import Any

import lightning
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.training.batches import joined
from DeepRegistrationLib.training.channels_last import channels_last, with_channels_last
from DeepRegistrationLib.training.optimizers import optimizer_with_schedule
from DeepRegistrationLib.training.random_stream import draws_of_step, generator_for
from DeepRegistrationLib.training.recipe import PreparingRecipe, Recipe

_VALIDATION_DRAW = 0


class RecipeModule(lightning.LightningModule):
    """Trains a recipe's network; makes its batches on the device of the network.

    Args:
        recipe: what to train.
        data: folder with the training images.
    """

    def __init__(self, recipe: Recipe, data: Path) -> None:
        super().__init__()
        self.recipe = recipe
        self.data_folder = data
        self.network = with_channels_last(recipe.network())
        self._data: object = None

    def setup(self, stage: str) -> None:
        """Loads the data once per process."""
        if self._data is None:
            self._data = self.recipe.load(self.data_folder, self.trainer.strategy.root_device)
            if isinstance(self.recipe, PreparingRecipe):
                self.recipe.prepare(self.network, self._data)

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        """Loss of one step; what the loader hands over is not used, the step's number makes the batch."""
        settings = self.recipe.training
        draws = draws_of_step(
            self.global_step,
            settings.batch_size,
            settings.draw_size,
            self.global_rank,
            self.trainer.world_size,
        )
        with torch.autocast(self.device.type, enabled=False):
            with torch.no_grad():
                parts = [
                    self.recipe.draw(
                        self._data,
                        settings.draw_size,
                        generator_for(settings.seed, "train", draw, self.device),
                    )
                    for draw in draws
                ]
                made = joined(parts)
            # losses are angles: the network alone computes with few digits
            epoch = self.global_step // settings.steps_per_epoch
            loss = self.recipe.loss(self._in_mixed_precision, made, epoch)
        self.log("loss", loss.value, prog_bar=True)
        for name, figure in loss.figures.items():
            self.log(name, figure, prog_bar=True)
        if not settings.l1:
            return loss.value
        return loss.value + settings.l1 * sum(part.abs().sum() for part in self.network.parameters())

    def validation_step(self, batch: Any, batch_index: int) -> None:
        """Figures on the validation subjects; always the same samples."""
        generator = generator_for(self.recipe.training.seed, "validate", _VALIDATION_DRAW, self.device)
        with torch.autocast(self.device.type, enabled=False):
            figures = self.recipe.validate(self._in_mixed_precision, self._data, generator)
        # every process measures the same samples, so there is nothing to average
        for name, figure in figures.items():
            self.log(f"validation {name}", float(figure), prog_bar=True, batch_size=1)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips by the norm; a gradient that is no number is refused before it reaches the weights.

        Raises:
            RegistrationError: the gradient is not finite.
        """
        limit = math.inf if gradient_clip_val is None else gradient_clip_val
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        if not torch.isfinite(norm):
            raise RegistrationError(
                f"The gradient of step {self.global_step + 1} is not finite. Train with full precision "
                '(precision = "32-true" under [training] in the file of --config) or with a smaller '
                "learning_rate."
            )

    def _in_mixed_precision(self, *inputs: Any) -> Any:
        with self.trainer.precision_plugin.forward_context():
            return self.network(*map(channels_last, inputs))

    def configure_optimizers(self) -> dict[str, Any]:
        """Optimizer and learning rates of the recipe."""
        return optimizer_with_schedule(self.network.parameters(), self.recipe.training)
