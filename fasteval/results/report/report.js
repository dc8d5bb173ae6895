// Puts the report's page together: the table of samples, its filters, the dialog, and the links that lead to them.

const tasks = readData("tasks");
const pictures = readData("pictures");

function sampleColumns(rows) {
  const several = tasks.length > 1;
  const anyPicture = pictures.length > 0;
  const columns = [
    { name: "status", title: "Status", cell: statusPill, sort: (row) => row.status },
    { name: "id", title: "Document", type: "num", cell: (row) => opener(row, (wanted) => viewer.open(wanted)), sort: (row) => row.id },
    several && { name: "task", title: "Task", cell: (row) => clamp(tasks[row.task].name), sort: (row) => row.task },
    anyPicture && { name: "picture", title: "Image", cell: (row) => thumb(row, pictures) },
    { name: "question", title: "Question", cell: (row) => clamp(row.question), sort: (row) => lower(row.question) },
    { name: "target", title: "Target", cell: (row) => clamp(row.target), sort: (row) => lower(row.target) },
    { name: "answer", title: "Answer", cell: answerCell, sort: (row) => lower(row.answer) },
    rows.some((row) => row.score !== undefined) && {
      name: "score",
      title: "Score",
      numeric: true,
      cell: (row) => (row.score === undefined ? "" : formatNumber(row.score)),
      sort: (row) => (row.score === undefined ? -Infinity : row.score),
    },
    {
      name: "tokens",
      title: "Tokens",
      numeric: true,
      cell: (row) => (row.tokens[1] ? formatNumber(row.tokens[1]) : ""),
      sort: (row) => row.tokens[1] || 0,
    },
  ];
  return columns.filter(Boolean);
}

function answerCell(row) {
  if (row.error !== undefined) return clamp(row.error, "empty-answer");
  if (textOf(row.answer) === "") return element("span", { class: "empty-answer" }, "empty");
  return clamp(row.answer, row.status === "wrong" ? "wrong-answer" : "");
}

// The dialog, and the part of the address that says which sample it shows.
function createViewer(handle) {
  let current = null;
  const dialog = createDialog({
    step: (direction) => {
      const shown = handle.shown();
      const next = shown[shown.indexOf(current) + direction];
      if (next !== undefined) open(next);
    },
    closed: () => {
      current = null;
      showAddress("#samples");
    },
  });
  function open(row) {
    current = row;
    const shown = handle.shown();
    const { heading, content } = sampleView(row, tasks[row.task], pictures);
    const position = shown.indexOf(row);
    dialog.show({ heading, content, first: position <= 0, last: position === shown.length - 1 });
    showAddress(`#sample=${row.task}:${row.id}`);
  }
  return { open };
}

function showAddress(fragment) {
  try {
    history.replaceState(null, "", fragment);
  } catch (error) {
    // Some browsers let no file change its address: the page works without.
  }
}

function startOrder(handle, columns) {
  const select = document.getElementById("order");
  const choices = [["id:asc", "Order: document"], ["status:desc", "wrong first"], ["score:asc", "lowest score first"], ["question:asc", "question"], ["tokens:desc", "longest answer first"]];
  const there = choices.filter(([value]) => columns.some((column) => column.name === value.split(":")[0]));
  select.replaceChildren(...there.map(([value, label]) => element("option", { value }, label)));
  select.addEventListener("change", () => handle.sort(...select.value.split(":")));
}

// Buttons outside the table that lead to some of the samples.
function startLinks(filters) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("button.link[data-task]");
    if (link === null) return;
    const { task, field, value, status } = link.dataset;
    filters.set({ task: Number(task), field: field || null, category: value === undefined ? null : value, status: status || "all" });
    document.getElementById("samples").scrollIntoView();
    document.getElementById("search").focus({ preventScroll: true });
  });
}

function startCategories() {
  const select = document.getElementById("category-field");
  if (select === null) return;
  select.hidden = select.options.length < 2;
  const show = () => {
    for (const node of document.querySelectorAll(".category-table")) node.hidden = node.dataset.key !== select.value;
  };
  select.addEventListener("change", show);
  show(); // browsers remember a select's value over a reload
}

let viewer = null;

async function startReport() {
  startCategories();
  const node = document.getElementById("table");
  if (node === null) return;
  const rows = await readCompressed("rows");
  const columns = sampleColumns(rows);
  node.classList.toggle("no-pictures", pictures.length === 0);
  const handle = dataTable(node, { rows, columns, order: [["id", "asc"]], open: (row) => viewer.open(row) });
  viewer = createViewer(handle);
  startOrder(handle, columns);
  startLinks(createFilters(tasks, rows, handle.filter));
  document.getElementById("loading").remove();
  const wanted = /^#sample=(\d+):(\d+)$/.exec(location.hash);
  const row = wanted && rows.find((entry) => entry.task === Number(wanted[1]) && entry.id === Number(wanted[2]));
  if (row) viewer.open(row);
  document.documentElement.dataset.ready = "true";
}

startReport();
