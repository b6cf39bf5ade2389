# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The picture of a report in the README: of its page the top, roofline and timeline, as a browser of 1000 pixels shows them. Needs Chromium.
#
#   cnxc report MODEL -o report.html && build/venv/bin/python tests/tools/picture.py report.html docs/report.png
import os
import sys

from PIL import Image

from browser import Browser

page, picture = sys.argv[1:]
with Browser() as browser:
    browser.open(page, width=1000)
    browser.value("document.querySelectorAll('section').forEach((s) => ['summary', 'roofline', 'timeline'].includes(s.id) || s.remove())")
    height = browser.value("document.querySelector('footer').getBoundingClientRect().top + scrollY")
    browser.screenshot(picture, clip={"x": 0, "y": 0, "width": 1000, "height": height})
colors = Image.open(picture).convert("RGB").quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
colors.save(picture, optimize=True)
print(f"{picture}: {os.path.getsize(picture) / 1e3:.0f} kB")
