"""Chromium without a window, driven over its DevTools protocol: opens a page, clicks, takes pictures."""

import asyncio
import base64
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 180.0
"""For anything that the page shall show; a machine may be busy."""


def installed_browser() -> str | None:
    """Path of a browser; None if there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


_TEXT = "document.body?.innerText ?? ''"


class NotYet(Exception):
    """The page is being loaded."""


class Browser:
    """One page.

    Args:
        address: WebSocket of the page.
    """

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._session = self._loop.run_until_complete(_session())
        connect = self._session.ws_connect(address, max_msg_size=0)
        self._socket = self._loop.run_until_complete(connect)
        self._number = 0

    def ask(self, method: str, **parameters: object) -> dict:
        """The answer to a command of the protocol."""
        return self._loop.run_until_complete(self._ask(method, parameters))

    def value(self, script: str) -> object:
        """What an expression of JavaScript gives in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + WAIT_S
        while not self._is(script):
            assert time.monotonic() < deadline, f"never true: {script}; the page says {self.text()}"
            time.sleep(0.2)

    def _is(self, script: str) -> bool:
        try:
            return bool(self.value(script))
        except NotYet:
            return False

    def text(self) -> str:
        """What is to be read on the page."""
        return self.value(_TEXT)

    def wait_for_text(self, text: str) -> None:
        """Waits until it is to be read on the page."""
        self.wait(f"({_TEXT}).includes('{text}')")

    def click(self, text: str) -> None:
        """Clicks the button or link of this text."""
        found = (
            f"[...document.querySelectorAll('button, a, label')].find(e => e.innerText.trim() === '{text}')"
        )
        self.wait(f"!!{found}")
        self.value(f"{found}.click()")

    def picture(self, path: Path) -> Path:
        """Writes what the page shows as a PNG file."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path

    def close(self) -> None:
        """Ends the connection."""
        self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _ask(self, method: str, parameters: dict) -> dict:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=WAIT_S)
            if answer.get("id") == self._number:
                if "context" in answer.get("error", {}).get("message", ""):
                    raise NotYet
                assert "error" not in answer, answer
                return answer["result"]


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


@contextmanager
def opened(address: str, size: tuple[int, int] = (1280, 800)) -> Iterator[Browser]:
    """A browser that shows a page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
        )
        with subprocess.Popen(
            [installed_browser(), *options, address], stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                with closing(Browser(_page_of(process))) as browser:
                    yield browser
            finally:
                process.kill()


def _page_of(process: subprocess.Popen) -> str:
    """WebSocket of the first page of a browser that has just been started."""
    for line in process.stderr:
        found = re.search(r"ws://([\w.:]+)/devtools/browser", line)
        if found:
            return asyncio.run(_first_page(f"http://{found.group(1)}/json/list"))
    raise AssertionError("The browser ended before it could be asked.")


async def _first_page(address: str) -> str:
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(address) as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
            await asyncio.sleep(0.2)
