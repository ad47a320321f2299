"""A process that speaks the worker's protocol and finds slices at once: it knows where they lie.

The pose is a shift along x by the mean of the slice, and by the x of the pose to begin with, if there is one.
A mean of 0 gives a pose that is not to be trusted; below 0 the slice is refused. Each job is added to a log.

python scripted_slice_worker.py LOG SECONDS
"""

import gzip
import hashlib
import json
import sys
import time
from pathlib import Path

_TYPES = {"float": "f", "double": "d", "short": "h", "unsigned char": "B", "int": "i"}


def say(event: str, **content) -> None:
    sys.stdout.write(json.dumps({"event": event, **content}) + "\n")
    sys.stdout.flush()


def meanOf(path: Path) -> float:
    header, _, data = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in header.decode().splitlines() if ": " in line)
    if fields["encoding"] == "gzip":
        data = gzip.decompress(data)
    values = memoryview(data).cast(_TYPES[fields["type"]])
    return sum(values) / len(values)


def shift(x: float) -> list[list[float]]:
    return [[1, 0, 0, x], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def contentOf(job: dict, mean: float) -> dict:
    settings = job["settings"]
    begin = settings["initial_pose"]
    x = round(mean, 3)
    trust = "high" if mean else "low"
    atlas = Path(job["files"]["atlas_dir"] or "") / "PHA28.nii.gz"
    stamps = {}
    for role, name in (("atlas", "PHA28"), ("atlas_mask", "PHA28_mask")):
        file = atlas.with_name(f"{name}.nii.gz")
        if file.is_file():
            stamps[role] = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return {
        "schema_version": 1,
        "job": "fetal-slice",
        "method": settings["method"],
        "device": "none",
        "trust": trust,
        "confidence": 0.9 if trust == "high" else 0.1,
        "confidence_reason": "It was told.",
        "settings": {**settings, "atlas_age_weeks": 28.0},
        "versions": {},
        "warnings": [],
        "inputs": stamps,
        "transforms": {"atlas_from_slice": {"matrix": shift(x), "from": "slice RAS", "to": "atlas RAS"}},
        "hypotheses": [
            {"matrix": shift(-x), "probability": 0.38, "similarity": 0.8},
            {"matrix": shift(x), "probability": 0.62, "similarity": 0.81},
        ],
        "begun_with": begin,
    }


def run(jobId: str, path: Path, log: Path, seconds: float) -> None:
    job = json.loads(path.read_text(encoding="utf-8"))
    mean = meanOf(Path(job["files"]["slice"]))
    with log.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"mean": mean, "settings": job["settings"], "outputs": job["outputs"]}) + "\n")
    say("progress", id=jobId, fraction=0.5, text="half way", seconds_left=None)
    time.sleep(seconds)
    if mean < 0:
        say("failed", id=jobId, exit_code=2, message="The image 'slice' shows no brain.", details="")
        return
    folder = Path(job["output_folder"])
    folder.mkdir()
    content = contentOf(job, mean)
    (folder / "result.json").write_text(json.dumps(content), encoding="utf-8")
    if job["outputs"]["warped"]:
        data = Path(job["files"]["slice"]).read_bytes()
        (folder / "matching_atlas_slice.nrrd").write_bytes(data)
    code = 0 if content["trust"] == "high" else 4
    say(
        "finished",
        id=jobId,
        exit_code=code,
        output_folder=str(folder),
        confidence=content["confidence"],
        trust=content["trust"],
        message="Done." if code == 0 else "It fits nowhere.",
    )


def main() -> None:
    log, seconds = Path(sys.argv[1]), float(sys.argv[2])
    say("ready", protocol=1, version="0.0.0", pid=0, device="none")
    for line in sys.stdin:
        message = json.loads(line)
        if message["command"] == "quit":
            return
        if message["command"] == "run":
            run(message["id"], Path(message["job"]), log, seconds)


if __name__ == "__main__":
    main()
