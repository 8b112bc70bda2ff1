// The comparison table: sorting, and for long ones filtering and paging.

const PAGE_ROWS = 100;
/** What each figure is, for screens that have no room for the head of the table. */
const LABELS = [...document.querySelectorAll("#cells thead th")].map((th) => th.dataset.label || "");

/** A row that came as data, as the same cells that the template writes. */
function dataRow(row) {
  const size = (value, words) => [value == null ? "–" : words(value), value];
  const [id, sign, tone, verdict, role, [operations, start, end, measured, formula]] = row;
  const cells = [
    [id, id],
    [`${sign} ${verdict}`, verdict],
    [role || "–", role],
    size(operations, count),
    size(start, bytes),
    size(end, bytes),
    size(measured, bytes),
    size(formula, bytes),
  ];
  return {
    text: `${id} ${verdict} ${role}`.toLowerCase(),
    keys: cells.map(([, key]) => key),
    element: () => make("tr", { class: tone }, ...cells.map(([text], i) =>
      make(i ? "td" : "th", { text, scope: i ? null : "row", class: i > 2 ? "number" : i === 1 ? "verdict" : null, "data-label": LABELS[i] || null }))),
  };
}

function templateRow(tr) {
  const cells = [...tr.children];
  const key = (cell) => (cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value || NaN));
  return { text: tr.textContent.toLowerCase(), keys: cells.map(key), element: () => tr };
}

function compareKeys(a, b) {
  const missing = (key) => key == null || Number.isNaN(key);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
}

function setUpTable(rowsOfData) {
  const table = byId("cells");
  if (!table) return () => {};
  const body = table.tBodies[0];
  const read = (rows) => (rows ? rows.map(dataRow) : [...body.rows].map(templateRow));
  let all = read(rowsOfData);
  const filter = byId("filter");
  const pager = byId("pager");
  const state = { page: 0, column: null, falling: false };
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.filter((row) => words.every((word) => row.text.includes(word)));
    if (state.column !== null) {
      rows.sort((a, b) => {
        const order = compareKeys(a.keys[state.column], b.keys[state.column]);
        return state.falling ? -order : order;
      });
    }
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE_ROWS;
    const part = rows.slice(first, first + PAGE_ROWS);
    body.replaceChildren(...part.map((row) => row.element()));
    const turn = (text, by) => make("button", {
      type: "button",
      text,
      disabled: state.page + by < 0 || state.page + by >= pages,
      onclick: () => {
        state.page += by;
        show();
      },
    });
    const range = part.length ? `${count(first + 1)} to ${count(first + part.length)} of ${count(rows.length)}` : "none fits";
    pager.replaceChildren(...(pages > 1 ? [turn("Before", -1), turn("Next", 1)] : []), make("span", { text: range, role: "status" }));
  };
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button", class: "sort", text: head.textContent });
    button.addEventListener("click", () => {
      state.falling = state.column === column && !state.falling;
      state.column = column;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
      show();
    });
    head.replaceChildren(button);
  });
  filter.addEventListener("input", show);
  byId("table-tools").hidden = all.length <= 12;
  if (all.length > 12) show();
  return (rows) => {
    all = read(rows);
    if (all.length > 12 || state.column !== null) show();
  };
}
