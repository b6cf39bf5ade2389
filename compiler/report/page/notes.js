// What did not fuse, with the reason; and what is needed to get the same program again.

function drawUnfused() {
  const rows = report.unfused ?? [], place = byId("unfused-table");
  place.append(
    rows.length ? table(
                    "Operators that run on their own",
                    [
                      {title: "Value", value: (row) => row.output, cell: (row) => nameOf(row.output)},
                      {title: "Operator", value: (row) => row.op, cell: (row) => row.op},
                      {title: "Why", value: (row) => row.reason, cell: (row) => row.reason},
                    ],
                    rows
                  ) :
                  html("p", {class: "note"}, "Every operator is part of a region.")
  );
}

function drawHow() {
  const how = report.how ?? {}, machine = how.machine ?? {};
  const list = (object) =>
    Object.entries(object ?? {})
      .filter(([, value]) => value !== null && typeof value !== "object")
      .map(
        ([key, value], i) => [i ? ", " : "", html("span", {class: "pair"}, `${key} `, html("b", {}, short(String(value), 80)))]
      );
  const rows = [
    ["Versions", ["cnxc ", html("b", {}, how.cnxc ?? "?"), ", LLVM ", html("b", {}, how.llvm ?? "?")]],
    ["Options", list(how.options)],
    [
      "CPU",
      [
        html("b", {}, short(machine.cpu ?? "?")), `, ${plural(machine.cores ?? 0, "core")}, profile `,
        html("b", {}, short(machine.profile ?? "?")), machine.kernel ? `, ${short(machine.kernel)}` : ""
      ]
    ],
    ["Instructions", (machine.features ?? []).join(", ")],
    ["Caches", cachesOf(machine.caches)],
    ["Peaks, measured", peaksOf()],
    ["Hashes", list(how.hashes)],
  ].filter(([, content]) => content && content.length);
  byId("how-list")
    .append(
      how.command ? html("pre", {class: "command", tabindex: 0}, html("bdi", {}, how.command)) : "",
      html("dl", {}, rows.map(([term, content]) => [html("dt", {}, term), html("dd", {}, content)]))
    );
}

function cachesOf(caches) {
  return [["l1d_bytes", "L1d"], ["l2_bytes", "L2"], ["l3_bytes", "L3"]].filter(
                                                                         ([key]) => caches?.[key]
  ).map(([key, name], i) => [i ? ", " : "", number(`/how/machine/caches/${key}`, "bytes"), ` ${name}`]);
}

function peaksOf() {
  const known = [
    ["f32_gflops", "rate", "f32"], ["bf16_gflops", "rate", "bf16"], ["int8_gops", "integerRate", "int8"],
    ["bandwidth_gbs", "bandwidth", "memory"]
  ].filter(([key]) => typeof report.peaks?.[key] === "number");
  return known.map(([key, quantity, name], i) => [i ? ", " : "", number(`/peaks/${key}`, quantity), ` ${name}`]);
}
