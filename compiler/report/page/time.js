// Time by region: what each kind takes together, then a table whose bars are measured time and whose lines are what was
// predicted.

function drawTime() {
  const timed = regions.filter((region) => typeof region.ms === "number");
  if (!timed.length) {
    byId("time-table").append(html("p", {class: "note"}, "Nothing was measured."));
    return;
  }
  byId("time-kinds").append(kindShares(timed));
  byId("time-table").append(timeTable(timed));
}

// One bar of all kinds, and their names with what they take.
function kindShares(timed) {
  const sums = new Map();
  for (const region of timed) sums.set(region.kind, (sums.get(region.kind) ?? 0) + region.ms);
  const kinds = [...sums].sort((a, b) => b[1] - a[1]), whole = timed.reduce((ms, region) => ms + region.ms, 0);
  let from = 0;
  const part = ([kind, ms]) => {
    const rect = svg("rect", {
      x: `${(100 * from) / whole}%`,
      width: `${(100 * ms) / whole}%`,
      height: 22,
      fill: kindFill(kind),
      class: `filled ${kindClass(kind)}`
    });
    from += ms;
    return rect;
  };
  const words = kinds.map(([kind, ms]) => `${kind} ${worded(ms / whole, "share")}`).join(", ");
  const sample = (kind) => svg(
    "svg", {width: 16, height: 16, class: kindClass(kind), "aria-hidden": "true"},
    svg("rect", {width: 16, height: 16, fill: kindFill(kind)})
  );
  return html(
    "div", {class: "kinds"},
    svg("svg", {class: "whole", height: 22, role: "img", "aria-label": `Time by kind: ${words}`}, kinds.map(part)),
    html(
      "ul", {class: "legend"},
      kinds.map(
        ([kind, ms]) =>
          html("li", {}, sample(kind), html("b", {}, kind), ` ${worded(ms, "cellMs")}, ${worded(ms / whole, "share")}`)
      )
    )
  );
}

function timeTable(timed) {
  const at = (region, key) => `/regions/${regions.indexOf(region)}/${key}`, old = (region) => beforeRegion(region)?.ms ?? null;
  const most = Math.max(...timed.flatMap((region) => [region.ms, region.predicted_ms ?? 0, old(region) ?? 0]));
  const columns = [
    {
      title: "Region",
      value: (region) => regions.indexOf(region),
      cell: (region) => [regionLink(region), html("span", {class: "quiet"}, ` ${region.kind}`)]
    },
    {
      title: "Measured, predicted",
      wide: true,
      cell: (region) => bar(
        region.ms / most, region.kind, region.predicted_ms ? region.predicted_ms / most : null,
        old(region) === null ? null : old(region) / most
      )
    },
    {title: "Measured", numeric: true, value: (region) => region.ms, cell: (region) => number(at(region, "ms"), "cellMs")},
    before && {title: "Before", numeric: true, value: old, cell: (region) => worded(old(region), "cellMs")},
    {
      title: "Predicted",
      numeric: true,
      value: (region) => region.predicted_ms,
      cell: (region) => number(at(region, "predicted_ms"), "cellMs")
    },
    {
      title: "Ratio",
      numeric: true,
      value: (region) => region.ms / region.predicted_ms,
      cell: (region) => (region.predicted_ms ? worded(region.ms / region.predicted_ms, "times") : "–")
    },
    {title: "Of a run", numeric: true, value: (region) => region.ms, cell: (region) => share(region.ms)},
    {
      title: "Of the peak",
      numeric: true,
      value: (region) => region.fraction_of_peak,
      cell: (region) => number(at(region, "fraction_of_peak"), "share")
    },
  ];
  return table("Time of each region", columns.filter(Boolean), timed);
}
