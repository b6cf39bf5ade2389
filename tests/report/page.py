# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The page as a file: it holds its report and all that shows it, its policy names what it runs, and it points nowhere else.
# RUN: rm -rf %t && mkdir -p %t && %cnxc report %root/models/digits -o %t/report.html && %python %s %t/report.html
import base64
import hashlib
import html.parser
import json
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()


class Page(html.parser.HTMLParser):
    """Elements with their attributes; the text of scripts and styles by their place."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], False

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts.append((self.elements[-1], data))


page = Page()
page.feed(text)
(style,) = [data for (tag, _), data in page.texts if tag == "style"]
(script,) = [data for (tag, attributes), data in page.texts if tag == "script" and attributes["type"] == "module"]
(report,) = [data for (tag, attributes), data in page.texts if attributes.get("id") == "report"]

# The report, whole.
assert "<" not in report and json.loads(report)["format"] == "cnxc-report" and json.loads(report)["regions"]

# The policy: nothing but this style and this script.
(policy,) = [attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv") == "Content-Security-Policy"]
rules = dict(rule.split() for rule in policy.split(";"))


def digest(data):
    return f"'sha256-{base64.b64encode(hashlib.sha256(data.encode()).digest()).decode()}'"


assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "style-src": digest(style), "script-src": digest(script)}, rules

# It points to its own parts only, and asks for no file.
for tag, attributes in page.elements:
    assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
    assert not {"src", "srcset", "style"} & set(attributes) and not any(name.startswith("on") for name in attributes), (tag, attributes)
    assert attributes.get("href", "#").startswith("#"), attributes
ours = text.replace(report, "")
assert re.findall(r"\w+://[^\"'`\s]*", ours) == ["http://www.w3.org/2000/svg"], re.findall(r"\w+://[^\"'`\s]*", ours)
assert not re.search(r"url\((?!['\"]?#)|@import", style + script)

# Names never become markup or code.
assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\beval\b|new Function|fetch\(|XMLHttpRequest|import\(|WebSocket", script)

# What the script looks for is there, once, and every section is drawn by it.
ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
assert len(ids) == len(set(ids))
assert set(re.findall(r'byId\("([\w-]+)"\)', script)) <= set(ids), set(re.findall(r'byId\("([\w-]+)"\)', script)) - set(ids)
sections = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
assert sections == re.findall(r"(\w+): draw[A-Z]", script), sections
assert not re.findall(r"@\w+@", ours), re.findall(r"@\w+@", ours)
