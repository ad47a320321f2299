"""A process that speaks the worker's protocol and misbehaves on demand, as the real worker never should.

What it does with a job is the first word of the job file: see the functions here.
"""

import json
import subprocess
import sys
import time
from pathlib import Path


def say(event: str, **content) -> None:
    sys.stdout.write(json.dumps({"event": event, **content}) + "\n")
    sys.stdout.flush()


def succeed(jobId: str) -> None:
    say("progress", id=jobId, fraction=0.5, text="half way", seconds_left=1.5)
    sys.stdout.write("a line that a library printed\n")
    say(
        "finished",
        id=jobId,
        exit_code=0,
        output_folder="somewhere",
        confidence=0.9,
        trust="high",
        message="Done.",
    )


def refuse(jobId: str) -> None:
    say("failed", id=jobId, exit_code=2, message="The image is empty.", details="Traceback")


def die(jobId: str) -> None:
    sys.stderr.write("out of memory\n")
    sys.exit(9)


def hang(jobId: str) -> None:
    """Neither finishes nor listens; a child of it sleeps too."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    say("progress", id=jobId, fraction=0.1, text=str(child.pid), seconds_left=None)
    time.sleep(60)


def die_as_a_launcher(jobId: str) -> None:
    """A child lives on and keeps standard output open."""
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
    say("progress", id=jobId, fraction=0.1, text=str(child.pid), seconds_left=None)
    sys.exit(9)


def stop_when_asked(jobId: str) -> None:
    say("progress", id=jobId, fraction=0.1, text="waiting", seconds_left=None)
    if json.loads(sys.stdin.readline()) == {"command": "cancel", "id": jobId}:
        say("cancelled", id=jobId, exit_code=3)


def babble(jobId: str) -> None:
    say("finished", id=jobId, exit_code=77)


def main() -> None:
    say("ready", protocol=int(sys.argv[1]) if len(sys.argv) > 1 else 1, version="0.0.0", pid=0, device="none")
    for line in sys.stdin:
        message = json.loads(line)
        if message["command"] == "quit":
            return
        if message["command"] == "run":
            globals()[Path(message["job"]).read_text(encoding="utf-8")](message["id"])


if __name__ == "__main__":
    main()
