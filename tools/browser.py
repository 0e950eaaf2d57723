"""A real browser without a window, driven over the DevTools protocol: for tests of the local Slack's page and pictures.

It takes whatever Chromium a machine has and is no dependency of its own; aiohttp speaks the protocol. What is clicked
is clicked where it stands, by the mouse, so that what is covered or out of sight cannot be.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp

NAMES: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "microsoft-edge",
)
FLAGS: Final = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-prefers-reduced-motion",
    "--remote-debugging-port=0",
)
GIVE_UP_S: Final = 90.0
LOOK_AGAIN_S: Final = 0.05
GOES_S: Final = 10.0
SHOWN: Final = """
(() => {
  const shown = (node) => node.getClientRects().length && (!node.closest('dialog') || node.closest('dialog').open);
  const top = [...document.querySelectorAll('dialog')].filter((one) => one.open).at(-1) || document;
  const named = (node) => TEXT === null || [node.textContent.trim(), node.ariaLabel].includes(TEXT);
  const found = [...top.querySelectorAll(SELECTOR)].filter((one) => shown(one) && named(one));
  const node = found.at(LAST ? -1 : 0);
  if (!node) return null;
  node.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const box = node.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
  const hit = document.elementFromPoint(x, y);
  if (!node.contains(hit)) return null;
  window.missed = true;
  const landed = (event) => {
    const hit = event.target.closest(SELECTOR);
    if (hit && named(hit)) window.missed = false;
  };
  document.addEventListener('click', landed, { capture: true, once: true });
  return [x, y];
})()
"""


class NotSeenError(AssertionError):
    """The page never showed what was waited for."""


def find_browser() -> str | None:
    """The path of a browser that can be driven, K8SOPS_BROWSER before those on the PATH; None where there is none."""
    named = os.environ.get("K8SOPS_BROWSER")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


class Tab:
    """One tab; everything waits until it can be done, for at most `GIVE_UP_S`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket: Final = socket
        self._sent = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.trouble: list[str] = []
        """What the page's console was told as errors, what its policy stopped included."""
        self._reading: Final = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for told in self._socket:
            said = json.loads(told.data)
            if (answer := self._answers.pop(said.get("id", 0), None)) is not None and not answer.done():
                answer.set_result(said)
            elif said.get("method") == "Runtime.exceptionThrown":
                self.trouble.append(str(said["params"]["exceptionDetails"].get("exception", said["params"])))
            elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.trouble.append(str(said["params"]["entry"]["text"]))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of the protocol. Raises NotSeenError with what the browser answers instead."""
        self._sent += 1
        number = self._sent
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(GIVE_UP_S):
            said = await answer
        if "error" in said:
            raise NotSeenError(f"{method}: {said['error']}")
        result: dict[str, Any] = said["result"]
        return result

    async def value(self, expression: str) -> Any:
        """What an expression is on the page."""
        found = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise NotSeenError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true on the page; gives its value. Raises NotSeenError telling what is seen."""
        try:
            async with asyncio.timeout(GIVE_UP_S):
                while not (found := await self.value(expression)):  # noqa: ASYNC110 - the page tells nobody
                    await asyncio.sleep(LOOK_AGAIN_S)
                return found
        except TimeoutError:
            raise NotSeenError(
                f"never so: {expression}\nthe page shows:\n{await self.text()}\n{self.trouble}"
            ) from None

    async def open(self, address: str, width: int, height: int, scale: float = 1.0) -> None:
        """Show an address in a window of this size, in CSS pixels."""
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.resize(width, height, scale)
        await self.call("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")

    async def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Make the window another size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    async def click(self, text: str | None = None, selector: str = "button", *, last: bool = False) -> None:
        """Click what carries exactly this text or label, once it can be clicked; in a dialog where one is open."""
        script = (
            SHOWN.replace("SELECTOR", json.dumps(selector))
            .replace("TEXT", json.dumps(text))
            .replace("LAST", json.dumps(last))
        )
        missed = True
        while missed:
            x, y = await self.until(script)
            for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
                await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            # What was drawn anew meanwhile may have moved from under the mouse; its like may have come there.
            missed = await self.value("window.missed")

    async def write(self, text: str, selector: str) -> None:
        """Click a field and type into it, over what it holds."""
        await self.click(selector=selector)
        await self.value("document.activeElement.select?.()")
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key by its name, such as Enter."""
        code = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "Tab": 9}[key]
        more = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more
            )

    async def text(self, selector: str = "body") -> str:
        """What stands in an element, as it is read; a dialog over the page included."""
        return str(await self.value(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def sees(self, *texts: str, within: str = "body") -> None:
        """Wait until all of this stands there."""
        place = f"document.querySelector({json.dumps(within)}).innerText"
        await self.until(f"((all) => {json.dumps(texts)}.every((one) => all.includes(one)))({place})")

    async def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def aclose(self) -> None:
        """Let go of the tab."""
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()


@asynccontextmanager
async def open_tab(browser: str) -> AsyncIterator[Tab]:
    """Start a browser of its own, with an empty profile that goes with it, and give its tab."""
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="k8sops-browser-")
    # Root has no sandbox in Chromium; containers of continuous integration know only root.
    rootless = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        browser, *FLAGS, *rootless, f"--user-data-dir={folder}", "about:blank",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "TZ": "UTC", "LANG": "C.UTF-8"}, start_new_session=True,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(await _address(session, process, Path(folder)), max_msg_size=0)
            tab = Tab(socket)
            try:
                yield tab
            finally:
                await tab.aclose()
    finally:
        await _end(process)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _address(session: aiohttp.ClientSession, process: asyncio.subprocess.Process, folder: Path) -> str:
    """The tab's own address, once the browser has written down where it listens."""
    written = folder / "DevToolsActivePort"
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            if process.returncode is not None:
                raise NotSeenError(f"the browser ended at once, with {process.returncode}")
            if await asyncio.to_thread(written.exists) and (lines := written.read_text().split()):
                with suppress(aiohttp.ClientError, StopIteration):
                    async with session.get(f"http://127.0.0.1:{lines[0]}/json") as response:
                        tabs = await response.json()
                    return str(next(one["webSocketDebuggerUrl"] for one in tabs if one["type"] == "page"))
            await asyncio.sleep(LOOK_AGAIN_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        # All of its group: Debian's is a script that waits for the browser it has begun.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(GOES_S):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
