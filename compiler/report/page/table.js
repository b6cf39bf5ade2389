// Tables that sort by any column when its heading is pressed. On a narrow screen each row becomes a card, each cell with its
// heading.

// columns: {title, value: row => what is sorted by, cell: row => what is shown, numeric, wide}
function table(caption, columns, rows) {
  const elements = new Map(rows.map((row) => [row, rowOf(columns, row)])), body = html("tbody", {}, [...elements.values()]);
  const headings = columns.map(
    (column) => html(
      "th", {scope: "col", class: column.numeric ? "numeric" : null},
      column.value ? html("button", {type: "button"}, column.title) : column.title
    )
  );
  columns.forEach(
    (column, i) =>
      column.value && headings[i].firstChild.addEventListener("click", () => sortBy(body, headings, i, column, elements))
  );
  const whole = html("table", {}, html("caption", {}, caption), html("thead", {}, html("tr", {}, headings)), body);
  return html("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": caption}, whole);
}

function rowOf(columns, row) {
  const cells = columns.map(
    (column, i) => html(
      i === 0 ? "th" : "td", {
        scope: i === 0 ? "row" : null,
        class: [column.numeric && "numeric", column.wide && "wide"].filter(Boolean).join(" ") || null,
        "data-label": column.title
      },
      column.cell(row)
    )
  );
  return html("tr", {}, cells);
}

// Numbers fall at first, text rises; once more turns it. What has no value stays at the end.
function sortBy(body, headings, place, column, elements) {
  const [first, second] = column.numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = headings[place].getAttribute("aria-sort") === first ? second : first;
  headings.forEach((heading) => heading.removeAttribute("aria-sort"));
  headings[place].setAttribute("aria-sort", order);
  const turn = order === "ascending" ? 1 : -1;
  const key = (row) => column.value(row) ?? null;
  const compare = (a, b) => (key(a) === null) - (key(b) === null) ||
    turn * (column.numeric ? key(a) - key(b) : String(key(a)).localeCompare(String(key(b))));
  body.append(...[...elements.keys()].sort(compare).map((row) => elements.get(row)));
}

// The numbers of a drawing, folded below it.
const asTable = (content) => html("details", {class: "as-table"}, html("summary", {}, "The same as a table"), content);

// A bar of a share of the widest, and a line across it where something else is compared.
function bar(share, kind, line = null, hollow = null) {
  const percent = (value) => `${Math.max(0, Math.min(100 * value, 100)).toFixed(2)}%`;
  return svg(
    "svg", {class: kind ? `bar ${kindClass(kind)}` : "bar", height: 18, "aria-hidden": "true"},
    svg(
      "rect", {y: 3, height: 12, width: percent(share), rx: 2, fill: kind && kindFill(kind), class: kind ? "filled" : "neutral"}
    ),
    hollow !== null && svg("rect", {y: 3, height: 12, width: percent(hollow), rx: 2, class: "hollow"}) || null,
    line !== null && svg("line", {x1: percent(line), x2: percent(line), y1: 0, y2: 18, class: "expected"}) || null
  );
}
