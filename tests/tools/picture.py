# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The picture of a report in the README: its top, its roofline and its timeline, as a browser of 1000 pixels shows them. Needs Chromium.
#
#   build/venv/bin/python tests/tools/picture.py build/release/bin/cnxc MODEL docs/report.png [options of cnxc report]
import os
import subprocess
import sys
import tempfile

from PIL import Image

from browser import Browser

cnxc, model, picture, *options = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder, Browser() as browser:
    page = os.path.join(folder, "report.html")
    subprocess.run([cnxc, "report", model, "-o", page, *options], check=True)
    browser.open(page, width=1000)
    browser.value("document.querySelectorAll('section').forEach((s) => ['summary', 'roofline', 'timeline'].includes(s.id) || s.remove())")
    height = browser.value("document.querySelector('footer').getBoundingClientRect().top + scrollY")
    browser.screenshot(picture, clip={"x": 0, "y": 0, "width": 1000, "height": height})
Image.open(picture).convert("RGB").quantize(200).save(picture, optimize=True)
print(f"{picture}: {os.path.getsize(picture) / 1e3:.0f} kB")
