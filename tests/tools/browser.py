# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A page in headless Chromium, driven by the DevTools protocol over a pipe: needs Chromium and nothing else.
#
#   with Browser() as browser:
#       browser.open("report.html", width=800, dark=True)
#       browser.value("document.title")
#       browser.screenshot("report.png")
import base64
import json
import os
import shutil
import subprocess
import tempfile


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="cnxc-browser-")
        self.messages = []  # that nobody has looked at yet
        self.rest, self.count = b"", 0

    def __enter__(self):
        ours, theirs = os.pipe(), os.pipe()  # what it reads, what it writes

        def at_3_and_4():
            read, write = os.dup(ours[0]), os.dup(theirs[1])
            os.dup2(read, 3)
            os.dup2(write, 4)

        flags = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-dev-shm-usage",
                 "--disable-background-networking"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
        self.child = subprocess.Popen(["chromium", *flags, "about:blank"], close_fds=False, preexec_fn=at_3_and_4, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.back = ours[1], theirs[0]
        target = next(t for t in self.send("Target.getTargets", {}, None)["targetInfos"] if t["type"] == "page")
        self.session = self.send("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}, None)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.send("Browser.close", {}, None)
        self.child.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.back, 1 << 20)
            assert piece, "Chromium ended"
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def send(self, method, params=None, session=0):
        """The answer to a command, of the page unless session is None."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = self.session
        self.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.messages.append(answer)

    def write(self, data):
        while data:
            data = data[os.write(self.to, data):]

    def wait(self, method):
        """The next event of that name; those before it stay to be looked at."""
        while True:
            message = self.read()
            self.messages.append(message)
            if message.get("method") == method:
                return message["params"]

    def open(self, path, width=1440, height=900, dark=False):
        self.send("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        self.send("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.messages.clear()
        self.send("Page.navigate", {"url": "file://" + os.path.abspath(path)})
        if not any(message.get("method") == "Page.loadEventFired" for message in self.messages):
            self.wait("Page.loadEventFired")
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def value(self, expression):
        answer = self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def key(self, key, code=0):
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code})

    def events(self, method):
        return [message["params"] for message in self.messages if message.get("method") == method]

    def save(self, path, data):
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def screenshot(self, path, clip=None, whole=True):
        self.save(path, self.send("Page.captureScreenshot", {"captureBeyondViewport": whole} | ({"clip": clip | {"scale": 1}} if clip else {}))["data"])

    def pdf(self, path):
        self.save(path, self.send("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})["data"])
