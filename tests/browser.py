"""A page in headless Chromium, over its debugging pipe: what it logs, which pictures load, how wide it is, how it looks."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# Nothing but the page itself is asked for: no updates, no look-ups of the browser's own
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe")
NAMES = ("chromium", "chromium-browser", "google-chrome")
MEASURE = """(() => {
  document.querySelectorAll('details').forEach(one => one.open = true);
  const wide = [...document.querySelectorAll('body *')].filter(one => !one.closest('.wide') && one.tagName !== 'OPTION'
    && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.tagName + '.' + one.className);
  const images = [...document.images];
  return {width: document.documentElement.scrollWidth, window: innerWidth, height: document.documentElement.scrollHeight,
          images: images.length, broken: images.filter(one => !one.complete || !one.naturalWidth).map(one => one.alt), wide};
})()"""


def find():
    """The browser's path, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A page opened once; ``with Browser(path) as browser: browser.open(file, width)``."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        here, theirs = os.pipe(), os.pipe()          # what we say, what it says: its descriptors 3 and 4

        def place():
            said, answered = os.dup(here[0]), os.dup(theirs[1])
            saved = os.dup2(said, 20), os.dup2(answered, 21)
            os.dup2(saved[0], 3)
            os.dup2(saved[1], 4)

        command = [find(), *FLAGS, f"--user-data-dir={self.folder}", "about:blank"]
        self.process = subprocess.Popen(command, close_fds=False, preexec_fn=place, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(here[0])
        os.close(theirs[1])
        self.said, self.heard = os.fdopen(here[1], "wb", 0), os.fdopen(theirs[0], "rb", 0)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.said.close()
        self.heard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _next(self):
        while b"\0" not in self.rest:
            part = os.read(self.heard.fileno(), 1 << 16)
            if not part:
                raise RuntimeError("the browser has gone")
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def ask(self, method, **values):
        """The answer to a command of the debugging protocol."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": values}
        self.said.write(json.dumps({**message, **({"sessionId": self.session} if self.session else {})}).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self.number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                return heard["result"]
            self.events.append(heard)

    def open(self, path, width, height=900):
        """{"width", "window", "height", "images", "broken", "wide", "errors", "asked"} of a file at a window's width."""
        self.events = []
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        found = self.ask("Runtime.evaluate", expression=MEASURE, returnByValue=True)["result"]["value"]
        bad = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Network.loadingFailed")
        found["errors"] = [event for event in self.events if event.get("method") in bad]
        asked = [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return {**found, "asked": [url for url in asked if not url.startswith("data:")]}

    def picture(self, path, top, height, width):
        """Write a part of the page as a PNG."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        data = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))
