"""A process that speaks the worker's protocol and has an answer for every CT: 10 mm along x from its start.

On the way it tells the poses at 2, 4, 6 and 8 mm, and leaves DRRs of that value where they are wanted. A
preview leaves DRRs of the x of the pose. The seed 13 gives a result that is not to be trusted, 66 one that is
refused. Each job is added to a log.

python scripted_xray_worker.py LOG SECONDS
"""

import json
import re
import sys
import threading
import time
from pathlib import Path

_LOCK = threading.Lock()
_CANCELLED: set[str] = set()


def say(event: str, **content) -> None:
    with _LOCK:
        sys.stdout.write(json.dumps({"event": event, **content}) + "\n")
        sys.stdout.flush()


def startOf(path: str) -> list[list[float]]:
    """World RAS from CT RAS; the file holds the way back, in LPS."""
    text = Path(path).read_text(encoding="utf-8")
    numbers, centre = (
        [float(x) for x in re.search(rf"^{name}: (.*)$", text, re.M).group(1).split()]
        for name in ("Parameters", "FixedParameters")
    )
    linear = [numbers[0:3], numbers[3:6], numbers[6:9]]
    # ITK turns about a centre
    turned = [sum(row[j] * centre[j] for j in range(3)) for row in linear]
    shift = [numbers[9 + i] + centre[i] - turned[i] for i in range(3)]
    back = [[linear[j][i] for j in range(3)] for i in range(3)]
    moved = [-sum(back[i][j] * shift[j] for j in range(3)) for i in range(3)]
    sign = (-1, -1, 1)
    rows = [[back[i][j] * sign[i] * sign[j] for j in range(3)] + [sign[i] * moved[i]] for i in range(3)]
    return [*rows, [0.0, 0.0, 0.0, 1.0]]


def shifted(matrix: list[list[float]], x: float) -> list[list[float]]:
    rows = [list(row) for row in matrix]
    rows[0][3] += x
    return rows


def writeDrr(folder: Path, index: int, camera: dict, value: float) -> None:
    columns, rows = camera["image_size_px"]
    header = (
        "NRRD0004\ntype: float\ndimension: 3\nspace: left-posterior-superior\n"
        f"sizes: {columns} {rows} 1\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\n"
        "endian: little\nencoding: ascii\nspace origin: (0,0,0)\n\n"
    )
    name = f"drr{index + 1 if index else ''}.nrrd"
    part = folder / f"{name}.part"
    part.write_text(header + " ".join([str(value)] * (columns * rows)), encoding="ascii")
    part.replace(folder / name)


def writeResult(folder: Path, job: dict, start: list, answer: list, trust: str, cameras: list[dict]) -> None:
    folder.mkdir()
    views = [
        {
            "name": Path(path).name.partition(".")[0],
            "camera": camera,
            "similarity": 0.9,
            "residual_mm": 0.5,
            "residual_start_mm": 6.5,
        }
        for path, camera in zip(job["files"]["xrays"], cameras, strict=True)
    ]
    content = {
        "schema_version": 1,
        "job": "xray-ct",
        "method": "auto",
        "device": "none",
        "trust": trust,
        "confidence": 0.9 if trust == "high" else 0.1,
        "confidence_reason": "It was told about 'xray'.",
        "settings": job["settings"],
        "versions": {},
        "warnings": ["'xray' is made up."],
        "inputs": {},
        "transforms": {"world_from_ct": {"matrix": answer, "from": "CT RAS", "to": "world RAS"}},
        "views": views,
        "start": {"matrix": start},
        "uncertainty": {
            "along_columns_mm": 0.05,
            "along_rows_mm": 0.04,
            "in_depth_mm": 1.5,
            "about_columns_deg": 0.1,
            "about_rows_deg": 0.1,
            "in_plane_deg": 0.1,
        },
        "history": {"Searching": [0.1, 0.3], "Refining": [0.5, 0.8, 0.9]},
    }
    (folder / "result.json").write_text(json.dumps(content), encoding="utf-8")


def run(jobId: str, path: Path, log: Path, seconds: float) -> None:
    job = json.loads(path.read_text(encoding="utf-8"))
    settings, files = job["settings"], job["files"]
    start = startOf(files["initial_pose"])
    cameras = [json.loads(Path(file).read_text(encoding="utf-8")) for file in files["geometries"]]
    with log.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**job, "start": start, "cameras": cameras}) + "\n")
    folder = Path(job["output_folder"])
    if settings["seed"] == 66:
        say("failed", id=jobId, exit_code=2, message="The image 'xray' shows no bone.", details="")
        return
    if settings["preview"]:
        writeResult(folder, job, start, start, "low", cameras)
        for index, camera in enumerate(cameras):
            writeDrr(folder, index, camera, start[0][3])
        finish(jobId, folder, "low")
        return
    for x in (2.0, 4.0, 6.0, 8.0):
        if files["live_folder"]:
            for index, camera in enumerate(cameras):
                writeDrr(Path(files["live_folder"]), index, camera, x)
        pose = [number for row in shifted(start, x) for number in row]
        say(
            "progress",
            id=jobId,
            fraction=x / 10,
            text="on the way",
            seconds_left=2.0,
            pose=pose,
            similarity=0.5,
        )
        until = time.monotonic() + seconds / 4
        while jobId not in _CANCELLED and time.monotonic() < until:
            time.sleep(0.01)
        if jobId in _CANCELLED:
            say("cancelled", id=jobId, exit_code=3)
            return
    trust = "low" if settings["seed"] == 13 else "high"
    writeResult(folder, job, start, shifted(start, 10.0), trust, cameras)
    for index, camera in enumerate(cameras):
        writeDrr(folder, index, camera, 10.0)
    finish(jobId, folder, trust)


def finish(jobId: str, folder: Path, trust: str) -> None:
    say(
        "finished",
        id=jobId,
        exit_code=0 if trust == "high" else 4,
        output_folder=str(folder),
        confidence=0.5,
        trust=trust,
        message="Done.",
    )


def main() -> None:
    log, seconds = Path(sys.argv[1]), float(sys.argv[2])
    say("ready", protocol=1, version="0.0.0", pid=0, device="none")
    for line in sys.stdin:
        message = json.loads(line)
        if message["command"] == "quit":
            return
        if message["command"] == "cancel":
            _CANCELLED.add(message["id"])
        if message["command"] == "run":
            job = threading.Thread(
                target=run, args=(message["id"], Path(message["job"]), log, seconds), daemon=True
            )
            job.start()


if __name__ == "__main__":
    main()
