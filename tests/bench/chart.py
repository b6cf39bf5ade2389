# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draw compare.py's JSON as a bar chart: python3 chart.py RESULTS.json CHART.svg [VARIANT [PRECISION]]

One panel for each number of pictures and threads, one bar for each engine of that precision, the first that was measured by default:
milliseconds an image, less is better. The thin line is the arithmetic limit: the time that the measured peak of that precision would allow. Plain SVG, light and dark.
"""
import json
import sys
from xml.sax.saxutils import escape

NAMES = {"cnxc": "cnxc", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch eager",
         "torch-compile": "torch.compile", "tract": "tract", "iree": "IREE", "onnxruntime-dynamic": "ORT, dynamic",
         "openvino-bf16": "OpenVINO, bf16"}
LABEL, BAR, GAP, WIDTH, PANEL_GAP, MARGIN = 118, 18, 6, 330, 40, 20  # in pixels
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
.panel { font-weight: 600 } .note { font-size: 11px; fill: #59636e } .value { font-size: 12px }
.cnxc { fill: #0a7d55 } .peer { fill: #9aa7b4 } .limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .note { fill: #9198a1 } .cnxc { fill: #2fbf8a } .peer { fill: #59636e } .limit { stroke: #ff7b72 } }
"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def panel(model, peak, batch, threads, x, y):
    """The panel's elements and its height."""
    runs = sorted((r for r in model["runs"] if (r["batch"], r["threads"]) == (batch, threads)), key=lambda r: r["ms_per_image"])
    slowest, limit = runs[-1]["ms_per_image"], model["flops"] / peak / 1e6
    scale = (WIDTH - LABEL - 52) / slowest
    title = f"batch {batch}, {threads} thread{'s' if threads > 1 else ''}"
    parts, top = [text(x, y + 13, title, "panel")], y + 24
    for r in runs:
        width = r["ms_per_image"] * scale
        parts.append(text(x + LABEL - 6, top + 13.5, NAMES.get(r["engine"], r["engine"]), "", "end"))
        parts.append(f'<rect x="{x + LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2" '
                     f'class="{"cnxc" if r["engine"] == "cnxc" else "peer"}"/>')
        parts.append(text(x + LABEL + width + 5, top + 13.5, f"{r['ms_per_image']:.1f}", "value"))
        top += BAR + GAP
    at = x + LABEL + limit * scale
    parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y + 20}" y2="{top - GAP + 4}" class="limit"/>')
    return parts, top - y


def draw(result, model, precision):
    model = {**model, **{part: [r for r in model[part] if r.get("precision") == precision] for part in ("runs", "missing")}}
    places = sorted({(r["batch"], r["threads"]) for r in model["runs"]})
    columns = len({t for _, t in places})
    parts, y, left, height = [], 74, 0, 0
    for i, (batch, threads) in enumerate(places):
        x = MARGIN + (i % columns) * (WIDTH + PANEL_GAP)
        elements, size = panel(model, result["machine"]["peak"][str(threads)][precision], batch, threads, x, y)
        parts, height, left = parts + elements, max(height, size), max(left, x + WIDTH)
        if i % columns == columns - 1 or i == len(places) - 1:
            y, height = y + height + 18, 0
    name = {"tiny": "T", "small": "S", "base": "B", "large": "L", "xlarge": "XL", "v2-tiny": "V2-T"}.get(model["variant"], model["variant"])
    title = f"ConvNeXt-{name}, {model['size']} x {model['size']}, {precision}: milliseconds an image, less is better"
    note = f"{result['machine']['cpu']}; all pinned to the same cores, runs in turn, medians; dashed: the {precision} peak's limit"
    missing = sorted({f"{NAMES.get(m['engine'], m['engine'])} (batch {m['batch']}, {m['threads']} threads)" for m in model["missing"]
                      if "batch" in m})
    if missing:
        parts.append(text(MARGIN, y + 4, "Did not run: " + "; ".join(missing), "note"))
        y += 20
    head = [text(MARGIN, 30, title, "title"), text(MARGIN, 50, note, "note")]
    width = max(left + MARGIN, 640)
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">',
                      f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *head, *parts, "</svg>", ""])


def main():
    if len(sys.argv) not in (3, 4, 5):
        raise SystemExit(__doc__.splitlines()[0])
    with open(sys.argv[1]) as f:
        result = json.load(f)
    models = [m for m in result["models"] if len(sys.argv) < 4 or m["variant"] == sys.argv[3]]
    if not models:
        raise SystemExit(f"{sys.argv[1]} has no {sys.argv[3]}")
    with open(sys.argv[2], "w") as f:
        f.write(draw(result, models[0], sys.argv[4] if len(sys.argv) > 4 else result["precision"][0]))


if __name__ == "__main__":
    main()
