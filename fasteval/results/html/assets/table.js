// A table of many rows: sorting and paging by DataTables, cells made of nodes, filters by predicates.

// Returns a handle of the table that takes the place of `node`.
//
// columns: {name, title, numeric, type, cell(row) -> node or text, sort(row) -> number or text}; without `sort` a column
// has no order. open(row) is called when a row is clicked. Search is by `filter`, never DataTables' own: that one would
// read texts as HTML.
function dataTable(node, { rows, columns, order = [], open = null, empty = "No samples" }) {
  const table = new DataTable(node, {
    data: rows,
    columns: columns.map(columnOptions),
    order: order.map(([name, direction]) => [columns.findIndex((column) => column.name === name), direction]),
    autoWidth: false,
    deferRender: true,
    orderMulti: false,
    pageLength: 25,
    lengthMenu: [25, 50, 100, 250],
    layout: { topStart: null, topEnd: null, bottomStart: "info", bottomEnd: ["pageLength", "paging"] },
    language: {
      info: "_START_–_END_ of _TOTAL_",
      infoEmpty: "0 of 0",
      infoFiltered: "(all: _MAX_)",
      lengthMenu: "_MENU_ a page",
      emptyTable: empty,
      zeroRecords: empty,
    },
    createdRow: (line, row) => {
      for (const [index, cell] of [...line.cells].entries()) cell.dataset.title = columns[index].title;
      if (open) {
        line.addEventListener("click", (event) => {
          if (!event.target.closest("a, button, summary") && window.getSelection().isCollapsed) open(row);
        });
      }
    },
  });
  return {
    table,
    filter: (predicate) => table.search.fixed("page", (text, row) => predicate(row)).draw(),
    sort: (name, direction) =>
      table.order([[columns.findIndex((column) => column.name === name), direction]]).draw(),
    // The rows that pass the filter, in the order in which the table shows them.
    shown: () => table.rows({ search: "applied", order: "applied" }).data().toArray(),
  };
}

function columnOptions(column) {
  return {
    data: null,
    name: column.name,
    title: column.title,
    className: `column-${column.name}${column.numeric ? " numeric" : ""}`,
    orderable: Boolean(column.sort),
    searchable: false,
    type: column.type || (column.numeric ? "num" : "string"),
    render: (row, kind) => {
      if (kind !== "display") return column.sort ? column.sort(row) : "";
      const content = column.cell(row);
      return content instanceof Node ? content : document.createTextNode(textOf(content));
    },
  };
}

// What cells are made of: the start of a long text, what it is sorted by, and the button that opens the row.

function clamp(value, className = "") {
  return element("span", { class: `clamp ${className}` }, brief(textOf(value), 240));
}

function lower(value) {
  return textOf(value).slice(0, 200).toLowerCase();
}

function opener(row, open) {
  return element("button", { type: "button", class: "open", "aria-haspopup": "dialog", onclick: () => open(row) }, `#${row.id}`);
}
