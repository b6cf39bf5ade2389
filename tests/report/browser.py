# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The page in a browser, in both themes and three widths: it complains of nothing and asks for nothing; its numbers are the report's; the keyboard
# reaches what the mouse does; its text has contrast; hostile names stay text; a report as large as ConvNeXt-XL's stays small.
# REQUIRES: chromium
# RUN: rm -rf %t && mkdir -p %t && %python %s %cnxc %root %t
import copy
import json
import os
import re
import subprocess
import sys
import time

CNXC, ROOT, FOLDER = sys.argv[1:]
sys.path.insert(0, os.path.join(ROOT, "tests", "tools"))
from browser import Browser  # noqa: E402

HOSTILE = ["</script><script>document.title='broken'</script>", "<img src=x onerror=document.title='broken'>", "\"'`&amp;${document.title='broken'}", "\u202egnirts\u202c \u05d0\u05d1", "n" * 70000,
           "\x01\x1b[31mred\x07\nnew line", "]]><!--<script>", " ", "constructor", "__proto__"]
TAG = '<script type="application/json" id="report">'


# ── Pages ──


def page_of(template, report, name):
    """The page that cnxc printed, with another report in it."""
    start = template.index(TAG) + len(TAG)
    path = os.path.join(FOLDER, name + ".html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(template[:start] + json.dumps(report).replace("<", "\\u003c") + template[template.index("</script>", start):])
    return path


def renamed(value, names):
    if isinstance(value, dict):
        return {key: renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def with_all_parts(report):
    """The report with what may be unknown on this machine made up: peaks, a run of two threads, precisions."""
    report = copy.deepcopy(report)
    report["peaks"] |= {"bf16_gflops": 900.5, "int8_gops": 1700.25, "bandwidth_gbs": 40.125}
    phases = [(region, i) for i, region in enumerate(report["regions"]) for _ in region["phases"]]
    span = [{"phase": k, "region": i, "start_us": 10.0 * k, "end_us": 10.0 * k + 8, "wait_us": 1.5} for k, (_, i) in enumerate(phases)]
    report["timeline"] = {"run_ms": 0.01 * len(span), "threads": [span, copy.deepcopy(span)]}
    for i, region in enumerate(report["regions"]):
        region["snr_db"] = {"bf16": 50.5 + i, "int8": 30.25 + i}
    report["precision"] = {"bf16": {"worst": []}, "int8": {"worst": [], "stayed_float": [{"output": report["regions"][-1]["output"], "why": "it is the answer"}]}}
    return report


def compared(report):
    """Beside a model that was faster in one region."""
    after, before = copy.deepcopy(report), copy.deepcopy(report)
    slow, old = after["regions"][3], before["regions"][3]
    slow["ms"] = 3 * old["ms"]
    rows = [{"output": a["output"], "before_ms": b["ms"], "after_ms": a["ms"], "ratio": a["ms"] / b["ms"]} for a, b in zip(after["regions"], before["regions"])]
    finding = {"kind": "slower", "output": slow["output"], "before": old["ms"], "after": slow["ms"], "unit": "ms", "text": "it takes three times as long"}
    after["comparison"] = {"with": "before.json", "ratio": 1.25, "confidence": [1.2, 1.3], "findings": [finding], "regions": rows, "before": before}
    return after


def as_large_as_xl(report):
    """36 blocks and more, of the length that this report's have; slow ones."""
    report, blocks = copy.deepcopy(report), [region for region in report["regions"] if region["kind"] == "block"]
    for i in range(36 - len(blocks)):
        region = renamed(blocks[i % len(blocks)], {})
        region["output"] += f".{i}"
        node = {"id": 1000 + i, "op": "region", "kind": "block", "output": region["output"], "region": len(report["regions"]), "inputs": [999 + i if i else 0], "type": "float[N,7,7,2048]"}
        report["regions"].append(region)
        report["graph"]["nodes"].append(node)
    for region in report["regions"]:
        region |= {"ms": 1000 * region["ms"], "predicted_ms": 1000 * region["predicted_ms"]}
    return report


def unknown(report):
    """What a report has of a model that was not measured."""
    report = copy.deepcopy(report)
    for region in report["regions"]:
        region |= {"ms": None, "predicted_ms": None, "gflops": None, "fraction_of_peak": None, "intensity": None, "snr_db": {}}
    return report | {"time": None, "timeline": None, "peaks": None, "precision": None, "precision_why": "it was not asked for", "unfused": []}


# ── What is looked at ──

# Text whose contrast with what lies behind it is less than 4.5, and marks with less than 3; of colours as the browser computed them.
CONTRAST = """(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const behind = (element) => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const found = [], seen = (element, color, least) => {
    const ground = behind(element), value = ratio(over(parse(color), ground), ground);
    if (value < least) found.push([element.tagName, element.textContent.slice(0, 40), color, ground.join(), value]);
  };
  let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    if (!walker.currentNode.textContent.trim() || element.closest("script, noscript, [hidden], .patterns, title, desc")) continue;
    count++;
    seen(element, element instanceof SVGElement ? style.fill : style.color, 4.5);
  }
  for (const element of document.querySelectorAll(".point, .roof, .expected, .gutter circle, .neutral, .bar .worse, .bar .better")) {
    const style = getComputedStyle(element), color = style.fill === "none" || element.tagName === "line" ? style.stroke : style.fill, opacity = +style.fillOpacity;
    seen(element, `rgba(${parse(color).slice(0, 3).join(", ")}, ${opacity})`, 3);
  }
  return { count, found };
})()"""

NUMBERS = """[...document.querySelectorAll("[data-json]")].map((e) => [e.dataset.json, e.dataset.value, e.dataset.scale, e.textContent])"""
# Elements that Tab has to reach: of each chart one mark.
REACHED = """[...document.querySelectorAll("a[href], button, summary, [tabindex='0']")].filter((e) => e.checkVisibility() && !e.closest("details:not([open]) > :not(summary)"))"""


def pointed_at(report, pointer):
    for key in pointer.split("/")[1:]:
        report = report[int(key)] if isinstance(report, list) else report[key]
    return report


def check_numbers(browser, report):
    """Each is the report's, and its text is it, rounded to the digits that are shown."""
    shown = browser.value(NUMBERS)
    for pointer, value, scale, text in shown:
        expected = pointed_at(report, pointer)
        assert float(value) == expected, (pointer, value, expected)
        digits = re.match(r"-?\d+(?:\.(\d+))?", text)
        half = 0.5 * 10 ** -len(digits[1] or "")
        assert abs(float(digits[0]) - expected / float(scale)) <= half * (1 + 1e-6), (pointer, text, expected)
    return {pointer for pointer, *_ in shown}


def check_quiet(browser, path):
    """No message, no exception, no request but the page's own, and nothing wider than the window."""
    for event in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
        assert not browser.events(event), browser.events(event)
    asked = [request["request"]["url"] for request in browser.events("Network.requestWillBeSent")]
    assert asked == ["file://" + path], asked
    assert not browser.events("Page.javascriptDialogOpening")
    assert browser.value("document.title") not in ("", "broken") and browser.value("document.querySelectorAll('.note').length") < 9
    assert "could not be drawn" not in browser.value("document.getElementById('main').textContent")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), browser.value("document.documentElement.scrollWidth")


def check_keyboard(browser):
    """Tab reaches all that it has to, arrows every mark; each says what it is, and Enter opens its region."""
    browser.value(f"{{const all = {REACHED}; all.forEach((e, i) => (e.dataset.stop = i)); window.stops = all.length; scrollTo(0, 0); document.activeElement.blur(); 0}}")
    stops, count = set(), browser.value("stops")
    for _ in range(count + 2):
        browser.key("Tab", 9)
        stops.add(browser.value("document.activeElement.dataset.stop ?? null"))
    assert stops - {None} == {str(i) for i in range(count)}, (count, sorted({str(i) for i in range(count)} - stops))
    charts = browser.value("[...document.querySelectorAll('.chart')].map((chart) => chart.id)")
    assert browser.value("[...document.querySelectorAll('.chart')].every((chart) => chart.querySelectorAll('.mark[tabindex=\"0\"]').length === 1)")
    for chart in charts:
        marks = browser.value(f"document.querySelectorAll('#{chart} .mark').length")
        browser.value(f"{{const first = document.querySelector('#{chart} .mark'); first.focus(); window.met = new Set([first]); 0}}")
        for _ in range(marks - 1):
            browser.key("ArrowRight", 39)
            browser.value("{met.add(document.activeElement); 0}")
        assert marks and browser.value("met.size") == marks, (chart, marks, browser.value("met.size"))
        assert browser.value("document.activeElement.getAttribute('aria-label').startsWith(byTip = document.querySelector('#tip strong').textContent)") and not browser.value("document.getElementById('tip').hidden")
        browser.key("Escape", 27)
        assert browser.value("document.getElementById('tip').hidden")
    browser.value("document.querySelector('#roofline-chart .mark').focus()")
    region = browser.value("document.activeElement.dataset.region")
    browser.key("Enter", 13)
    assert browser.value(f"document.querySelector('#region-{region} details').open && document.activeElement === document.querySelector('#region-{region} summary')")
    return charts


def check_sorting(browser):
    first = "document.querySelector('#time-table tbody tr td:nth-of-type(2)').textContent"
    browser.value("[...document.querySelectorAll('#time-table thead button')].find((b) => b.textContent === 'Measured').click()")
    falling = browser.value(first)
    assert browser.value("document.querySelector('#time-table [aria-sort]').getAttribute('aria-sort')") == "descending"
    browser.value("document.querySelector('#time-table [aria-sort] button').click()")
    assert float(falling.split("\u202f")[0]) > float(browser.value(first).split("\u202f")[0])


def check_readers(browser):
    """What is drawn has words: a name for each drawing and mark, headings in order, a language."""
    assert browser.value("[...document.querySelectorAll('svg')].every((s) => s.closest('[aria-hidden]') || s.getAttribute('aria-label') || s.parentElement.closest('svg'))")
    assert browser.value("[...document.querySelectorAll('.mark')].every((m) => m.getAttribute('role') === 'img' && m.getAttribute('aria-label').length > 3)")
    levels = browser.value("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels
    assert browser.value("[...document.querySelectorAll('table')].every((t) => t.caption.textContent && t.querySelector('th[scope=row]') && t.querySelector('th[scope=col]'))")
    assert browser.value("[...document.querySelectorAll('.chart')].every((c) => c.nextElementSibling.querySelector('table'))")


def check_contrast(browser):
    answer = browser.value(CONTRAST)
    assert answer["count"] > 100 and not answer["found"], answer["found"][:20]


def check_names(browser, names):
    """Each stands on the page, long ones cut, characters that command spelled; none made an element."""
    text = browser.value("document.body.innerText")
    for name in ("</script><script>document.title='broken'</script>", "<img src=x onerror=document.title='broken'>", "\"'`&amp;${document.title='broken'}", "\\u{202e}gnirts\\u{202c} \u05d0\u05d1", "n" * 36 + "…" + "n" * 36,
                 "\\u{1}\\u{1b}[31mred\\u{7}\\nnew line", "]]><!--<script>", "constructor", "__proto__"):
        assert name in text, name
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)
    assert browser.value("document.querySelectorAll('script').length") == 2 and not browser.value("document.querySelectorAll('img').length")


def check_paper(browser):
    """Everything is unfolded while it is printed, and folded again."""
    browser.value("{window.open_then = null; addEventListener('beforeprint', () => (open_then = [...document.querySelectorAll('details')].every((d) => d.open))); 0}")
    browser.pdf(os.path.join(FOLDER, "report.pdf"))
    assert browser.value("open_then") and browser.value("document.querySelectorAll('details:not([open])').length")
    assert 10_000 < os.path.getsize(os.path.join(FOLDER, "report.pdf")) < 10_000_000


real = os.path.join(FOLDER, "real.html")
subprocess.run([CNXC, "report", os.path.join(ROOT, "models", "digits"), "-o", real], check=True)
with open(real, encoding="utf-8") as f:
    template = f.read()
measured = json.JSONDecoder().raw_decode(template, template.index(TAG) + len(TAG))[0]
full = with_all_parts(measured)
names = dict(zip([region["output"] for region in full["regions"]], HOSTILE))
hostile = renamed(full, names)
hostile["regions"][0]["body"] = hostile["how"]["command"] = "</script><script>document.title='broken'</script>"
pages = {"real": measured, "full": full, "compared": compared(full), "hostile": hostile, "unknown": unknown(measured), "xl": as_large_as_xl(full)}

with Browser() as browser:
    for name, report in pages.items():
        path = page_of(template, report, name) if name != "real" else real
        for width in (400, 800, 1440):
            for dark in (False, True):
                browser.open(path, width, dark=dark)
                check_quiet(browser, path)
                pointers = check_numbers(browser, report)
                check_contrast(browser)
        check_readers(browser)
        if name == "full":
            for pointer in ("/time/median_ms", "/time/gflops", "/model/parameters", "/model/macs", "/regions/3/ms", "/peaks/f32_gflops", "/memory/arena_bytes", "/regions/3/snr_db/int8", "/timeline/threads/1/2/wait_us"):
                assert pointer in pointers, pointer
            assert len(pointers) > 500 and len(check_keyboard(browser)) == 4
            check_sorting(browser)
            check_paper(browser)
        if name == "compared":
            assert browser.value("document.querySelector('section').id") == "comparison"
            assert browser.value("document.getElementById('verdict').textContent").startswith("Slower than before.json: 1.25")
            assert browser.value("document.querySelector('.findings li').textContent").startswith("slower it takes three times as long")
            assert browser.value("[...document.querySelectorAll('.row .badge.worse')].map((badge) => badge.textContent)") == ["3.00\u202f× before"]
            assert browser.value("document.querySelectorAll('#roofline .ghost').length && document.querySelectorAll('#precision .ghost').length && document.querySelectorAll('#time .hollow').length")
        if name == "hostile":
            check_names(browser, names)
        if name == "xl":
            size = os.path.getsize(path)
            start = time.monotonic()
            browser.open(path)
            print(f"as large as XL's: {size / 1e3:.0f} kB, opened in {time.monotonic() - start:.2f} s")
            assert size < 2_000_000
