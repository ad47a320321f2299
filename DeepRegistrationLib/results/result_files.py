"""Writes every file of a result; images on one core while the pictures are drawn on another."""

import dataclasses
import importlib.util
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.report.html import write_report
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.json_result import FileStamp, describe, write_result
from DeepRegistrationLib.results.scene_child import write_scene
from DeepRegistrationLib.results.segmentation_file import write_segmentation
from DeepRegistrationLib.results.slices_file import write_slices
from DeepRegistrationLib.results.transform_file import write_transform
from DeepRegistrationLib.workflows.result import RegistrationResult

WRITING = "Writing the result"


def write_result_files(
    result: RegistrationResult,
    inputs: Mapping[str, FileStamp],
    job: Job,
    advance: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Writes the result folder of a job; it appears at the end or not at all.

    Args:
        result: what was computed.
        inputs: role -> name and checksum of each file used.
        job: says which files are wanted and where.
        advance: receives the fraction that is done; may raise to stop.

    Raises:
        RegistrationError: no space left, not writable, or the scene could not be written.
        InputError: the folder holds something else than a result.
    """
    started = time.perf_counter()
    outputs = job.outputs
    with names.result_folder(job.output_folder) as folder, ThreadPoolExecutor(max_workers=1) as images:
        written = []
        if outputs.warped:
            written.append(images.submit(write_nrrd, result.warped, folder / names.WARPED))
        if outputs.warped and result.matching is not None:
            written.append(images.submit(write_nrrd, result.matching, folder / names.MATCHING))
        if outputs.segmentation and result.segmentation is not None:
            path = folder / names.SEGMENTATION
            written.append(images.submit(write_segmentation, result.segmentation, result.segments, path))
        write_transform(next(iter(result.transforms.values())), folder / names.TRANSFORM)
        if result.slices:
            write_slices(result.slices, folder / names.SLICES)
        advance(0.1)
        pictures = _pictures(result, advance) if outputs.report or outputs.pictures else []
        for future in written:
            future.result()
        advance(0.7)
        seconds = {**result.seconds, WRITING: time.perf_counter() - started}
        content = describe(dataclasses.replace(result, seconds=seconds), inputs)
        if outputs.report:
            write_report(content, pictures, result.segments, folder / names.REPORT)
        if outputs.pictures:
            for picture in pictures:
                (folder / names.picture_file(picture.name)).write_bytes(picture.png)
        write_result(content, folder / names.RESULT_JSON)
        advance(0.8)
        if outputs.scene:
            write_scene(folder, job.files.moving, lambda: advance(0.9))


def _pictures(result: RegistrationResult, advance: Callable[[float], None]) -> list[Picture]:
    if importlib.util.find_spec("matplotlib") is None:
        return []  # the page says so
    from DeepRegistrationLib.report.pictures import pictures_of

    return pictures_of(result, lambda: advance(0.4))
