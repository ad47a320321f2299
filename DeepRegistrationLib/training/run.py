"""One training, from its settings to weights; continued where it stopped."""

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from safetensors.torch import save_file

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.training.module import RecipeModule
from DeepRegistrationLib.training.recipe import Recipe
from DeepRegistrationLib.training.recipes import recipe_as_dict
from DeepRegistrationLib.training.shared_batch_norm import share_batch_norms
from DeepRegistrationLib.training.start_weights import begin_with
from DeepRegistrationLib.training.step_loader import StepLoader
from DeepRegistrationLib.training.training_progress import TrainingProgress

CHECKPOINT, WEIGHTS, RECIPE, FIGURES = "last.ckpt", "weights.safetensors", "recipe.json", "figures.json"


@dataclass(frozen=True)
class Machines:
    """Where a training runs.

    Attributes:
        accelerator: of lightning: "auto", "cpu", "cuda" or "mps".
        devices: graphics cards, or processes on the CPU, per machine.
        nodes: machines.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1


def precision_on(wanted: str, machines: Machines) -> str:
    """Precision that lightning is told; decided here where the settings leave it open."""
    if wanted != "auto":
        return wanted
    may_choose = machines.accelerator == "auto"
    has_card = machines.accelerator == "cuda" or (may_choose and torch.cuda.is_available())
    return "bf16-mixed" if has_card else "32-true"


def train(
    recipe: Recipe,
    data: Path,
    folder: Path,
    machines: Machines,
    resume: bool = False,
    report: Report = keep_going,
    start_from: Path | None = None,
) -> Path:
    """Trains a network.

    The folder gets checkpoints (last.ckpt), the settings (recipe.json), the curves (for tensorboard in
    `curves`, one table per start in `table`) and in the end weights.safetensors and figures.json: the moving
    average of the weights and its validation.

    Args:
        recipe: what to train and how.
        data: folder with the training images.
        folder: where everything goes.
        machines: where it runs; with several processes every one of them calls this function.
        resume: continue from the last checkpoint in the folder; the loss goes on as if nothing had happened.
        report: receives progress; returns False to stop.
        start_from: weights of an earlier training of the same network, or of a part of it, to begin with;
            None is random.

    Returns:
        The file with the weights.

    Raises:
        InputError: there is something in the folder and `resume` is off, or there is nothing to resume, or
            it was made with other settings.
        RegistrationError: the gradient is not finite.
        Cancelled: `report` returned False; `resume` goes on later.
    """
    checkpoint = _check_folder(folder, recipe, resume)
    settings = recipe.training
    lightning.seed_everything(settings.seed, verbose=False)
    module = RecipeModule(recipe, data)
    if start_from is not None:
        begin_with(start_from, module.network)
    if machines.devices * machines.nodes > 1:
        share_batch_norms(module.network)
    progress = TrainingProgress(report, settings.steps)
    # a table per start, because lightning empties the one before; tensorboard joins its own files
    starts = len(list(folder.glob("table/*")))
    loggers = [TensorBoardLogger(folder, "curves", ""), CSVLogger(folder, "table", starts)]
    trainer = lightning.Trainer(
        accelerator=machines.accelerator,
        devices=machines.devices,
        num_nodes=machines.nodes,
        strategy="ddp" if machines.devices * machines.nodes > 1 else "auto",
        precision=precision_on(settings.precision, machines),
        max_steps=settings.steps,
        gradient_clip_val=settings.gradient_clip,
        log_every_n_steps=min(20, settings.steps_per_epoch),
        check_val_every_n_epoch=1,
        num_sanity_val_steps=0,
        # a network may need gradients to answer, as DeepNet does; what is not asked for is not recorded
        inference_mode=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        # several processes must not wait for a random seed of the sampler: there is none
        use_distributed_sampler=False,
        logger=loggers,
        callbacks=[
            EMAWeightAveraging(decay=settings.average_decay),
            ModelCheckpoint(folder, CHECKPOINT.removesuffix(".ckpt"), enable_version_counter=False),
            LearningRateMonitor("step"),
            progress,
        ],
    )
    with warnings.catch_warnings():
        # it is meant to: every start continues the same folder
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
        trainer.fit(
            module,
            StepLoader(settings.steps_per_epoch),
            StepLoader(1),
            ckpt_path=checkpoint,
            weights_only=False,
        )
    if progress.stopped:
        raise Cancelled
    if trainer.is_global_zero:
        _write_weights(module, trainer, folder)
    trainer.strategy.barrier()
    return folder / WEIGHTS


def _check_folder(folder: Path, recipe: Recipe, resume: bool) -> Path | None:
    """The checkpoint to go on from; writes the recipe of a new training."""
    folder.mkdir(parents=True, exist_ok=True)
    described, checkpoint = folder / RECIPE, folder / CHECKPOINT
    now = recipe_as_dict(recipe)
    if not resume:
        if checkpoint.exists():
            raise InputError(
                f"The folder '{folder}' holds a training already. Add --resume to go on with it, or name "
                "another folder."
            )
        described.write_text(json.dumps(now, indent=1), encoding="utf-8")
        return None
    if not checkpoint.exists():
        if described.exists():  # stopped before its first checkpoint: starts again
            return None
        raise InputError(
            f"There is nothing to go on with in '{folder}': it holds no {CHECKPOINT}. Leave --resume out, or "
            "name the folder of the training that was stopped."
        )
    before = json.loads(described.read_text(encoding="utf-8"))
    if before != now:
        different = sorted(name for name in now if before.get(name) != now[name])
        raise InputError(
            f"The training in '{folder}' was started with other settings ({', '.join(different)}). Give the "
            f"same settings again (they are in {RECIPE}), or name another folder."
        )
    return checkpoint


def _write_weights(module: RecipeModule, trainer: lightning.Trainer, folder: Path) -> None:
    """The averaged weights, which lightning has put into the module at the end of the training."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.network.state_dict().items()}
    save_file(state, folder / WEIGHTS, {"settings": json.dumps(dict(module.recipe.network_settings()))})
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    (folder / FIGURES).write_text(json.dumps(figures, indent=1), encoding="utf-8")


# lightning advertises and lists its hardware on every start
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
torch.set_float32_matmul_precision("high")
