// A comparison: what changed in words, the worst first, then every region's time before and after.

function drawComparison() {
  const comparison = report.comparison;
  if (!comparison) return false;
  byId("verdict").append(...verdict(comparison));
  const findings = (comparison.findings ?? []).map((finding, i) => findingOf(finding, i));
  byId("findings").append(...findings.slice(0, MOST_FINDINGS));
  if (findings.length > MOST_FINDINGS) byId("findings").after(moreFindings(findings.slice(MOST_FINDINGS)));
  if (!comparison.findings?.length)
    byId("findings").replaceWith(html("p", {class: "note"}, "Nothing differs by more than measurements do."));
  const rows = comparison.regions ?? [], changed = rows.filter((row) => Math.abs((row.ratio ?? 1) - 1) > 0.02);
  const none = html("p", {class: "note"}, "No region's time differs by more than 2 %.");
  byId("ratios").append(changed.length ? ratioTable(rows, changed) : none);
  byId("all-ratios").append(ratioTable(rows, rows));
}

const MOST_FINDINGS = 12;  // that are read at once

const moreFindings = (findings) => html(
  "details", {class: "as-table"}, html("summary", {}, `${findings.length} more`),
  html("ol", {start: MOST_FINDINGS + 1, class: "findings"}, findings)
);

function verdict(comparison) {
  const {ratio, confidence} = comparison;
  const sure = confidence ? ` (95 % confidence: ${worded(confidence[0], "times")} to ${worded(confidence[1], "times")})` : "";
  const isOpen = confidence && confidence[0] <= 1 && confidence[1] >= 1;
  const word = !ratio ? "Times can't be compared with " :
    isOpen            ? "No clear difference from " :
    ratio > 1         ? "Slower than " :
                        "Faster than ";
  return [
    html("strong", {}, word, nameOf(comparison.with)),
    ratio ? [": ", number("/comparison/ratio", "times"), " its time", sure, "."] : "."
  ].flat();
}

const WORSE = ["slower", "less precise", "lost fusion", "memory", "larger program"];

// "3.22 ms → 7.40 ms", "1 → 4 regions"
function changeWords(finding, i) {
  const quantity = {ms: "ms", dB: "decibels", bytes: "bytes"}[finding.unit], isKnown = typeof finding.before === "number";
  const value = (key) => number(`/comparison/findings/${i}/${key}`, quantity ?? "plain");
  return isKnown && html("span", {class: "change"}, value("before"), " → ", value("after"), !quantity && ` ${finding.unit}`);
}

function findingOf(finding, i) {
  const region = regions.findIndex((other) => other.output === finding.output);
  return html(
    "li", {}, html("span", {class: `badge ${WORSE.includes(finding.kind) ? "worse" : "better"}`}, finding.kind), " ",
    short(finding.text ?? "", 400), " ", changeWords(finding, i),
    region >= 0 && [" ", html("a", {href: `#region-${region}`}, "in the graph")]
  );
}

function ratioTable(rows, shown) {
  const span = Math.max(...rows.map((row) => Math.abs(Math.log(row.ratio || 1))), 0.1),
        at = (row, key) => `/comparison/regions/${rows.indexOf(row)}/${key}`;
  return table(
    "Time of each region, before and after",
    [
      {title: "Region", value: (row) => rows.indexOf(row), cell: (row) => nameOf(row.output)},
      {title: "Faster, slower", wide: true, cell: (row) => ratioBar(Math.log(row.ratio || 1) / span)},
      {title: "Before", numeric: true, value: (row) => row.before_ms, cell: (row) => number(at(row, "before_ms"), "cellMs")},
      {title: "After", numeric: true, value: (row) => row.after_ms, cell: (row) => number(at(row, "after_ms"), "cellMs")},
      {title: "Ratio", numeric: true, value: (row) => row.ratio, cell: (row) => number(at(row, "ratio"), "times")},
    ],
    shown
  );
}

// From the middle, to the right what became slower.
function ratioBar(share) {
  const wide = Math.abs(share) * 50;
  return svg(
    "svg", {class: "bar", height: 18, "aria-hidden": "true"},
    svg(
      "rect", {x: `${share > 0 ? 50 : 50 - wide}%`, width: `${wide}%`, y: 3, height: 12, class: share > 0 ? "worse" : "better"}
    ),
    svg("line", {x1: "50%", x2: "50%", y1: 0, y2: 18, class: "expected"})
  );
}
