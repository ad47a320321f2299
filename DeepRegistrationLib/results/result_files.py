"""Writes every file of a result; images on one core while the pictures are drawn on another."""

import dataclasses
import importlib.util
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.report.html import html_report
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.json_result import FileStamp, describe, write_result
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.results.scene_child import write_scene
from DeepRegistrationLib.results.transform_file import write_transform
from DeepRegistrationLib.workflows.result import Result

WRITING = "Writing the result"


def write_result_files(
    result: Result,
    parts: ResultParts,
    inputs: Mapping[str, FileStamp],
    job: Job,
    advance: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Writes the result folder of a job; it appears at the end or not at all.

    Args:
        result: what was computed.
        parts: what only this kind of job writes.
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
        written = [images.submit(write, folder / name) for name, write in parts.files.items()]
        write_transform(result.answer, folder / names.TRANSFORM)
        advance(0.1)
        pictures = _pictures(parts, advance) if outputs.report or outputs.pictures else []
        for future in written:
            future.result()
        advance(0.7)
        seconds = {**result.seconds, WRITING: time.perf_counter() - started}
        content = describe(dataclasses.replace(result, seconds=seconds), inputs, parts.entries)
        if outputs.report:
            page = html_report(content, pictures, parts.segments, parts.title, parts.sections(content))
            (folder / names.REPORT).write_text(page, encoding="utf-8")
        if outputs.pictures:
            for picture in pictures:
                (folder / names.picture_file(picture.name)).write_bytes(picture.png)
        write_result(content, folder / names.RESULT_JSON)
        advance(0.8)
        if outputs.scene:
            write_scene(folder, job.files.moving, lambda: advance(0.9))


def _pictures(parts: ResultParts, advance: Callable[[float], None]) -> list[Picture]:
    if importlib.util.find_spec("matplotlib") is None:
        return []  # the page says so
    return parts.draw(lambda: advance(0.4))
