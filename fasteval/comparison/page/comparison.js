// Puts the comparison's page together: the table of flipped documents, its filters, and the dialog with both answers.

const tasks = readData("task-data");

function gained(row) {
  return row.scores[1] > row.scores[0] === tasks[row.task].higher;
}

function scorePill(row) {
  const tone = gained(row) ? "tone-right" : "tone-wrong";
  return element("span", { class: `pill ${tone}` }, row.scores.map((score) => formatNumber(score)).join(" → "));
}

function opener(row, open) {
  return element("button", { type: "button", class: "link", "aria-haspopup": "dialog", onclick: () => open(row) }, `#${row.id}`);
}

function columns(open) {
  const text = (read) => ({ cell: (row) => brief(read(row), 160), sort: (row) => brief(read(row), 160).toLowerCase() });
  const categories = tasks.some((task) => task.column !== null);
  return [
    { name: "id", title: "Document", numeric: true, cell: (row) => opener(row, open), sort: (row) => row.id },
    tasks.length > 1 && { name: "task", title: "Task", cell: (row) => tasks[row.task].name, sort: (row) => row.task },
    categories && { name: "category", title: "Category", ...text((row) => row.category) },
    { name: "scores", title: "Score", cell: scorePill, sort: (row) => (gained(row) ? "gained" : "lost") },
    { name: "prompt", title: "Prompt", ...text((row) => row.prompt) },
    { name: "target", title: "Target", ...text((row) => row.target) },
    { name: "base", title: "Base", ...text((row) => row.answers[0]) },
    { name: "candidate", title: "Candidate", ...text((row) => row.answers[1]) },
  ].filter(Boolean);
}

function side(title, score, answer) {
  return element("div", {}, element("h3", {}, visible(title), ` · ${formatNumber(score)}`), element("pre", {}, visible(answer)));
}

function content(row) {
  const task = tasks[row.task];
  return [
    element("div", { class: "sides" }, side(task.base, row.scores[0], row.answers[0]), side(task.candidate, row.scores[1], row.answers[1])),
    element("h3", {}, "Target"),
    element("pre", { class: "whole-text" }, visible(row.target)),
    element("h3", {}, "Prompt"),
    element("pre", { class: "whole-text" }, visible(row.prompt)),
  ];
}

async function start() {
  const node = document.getElementById("table");
  if (node !== null) await showFlips(node);
  document.documentElement.dataset.ready = ""; // for whoever drives the page
}

async function showFlips(node) {
  const rows = await readCompressed("flip-data");
  let current = null;
  const handle = dataTable(node, { rows, columns: columns(open), open, empty: "No documents" });
  const dialog = createDialog({ step, closed: () => (current = null) });

  function open(row) {
    current = row;
    const shown = handle.shown();
    const place = shown.indexOf(row);
    const heading = [visible(`${tasks[row.task].name} #${row.id}`), row.category ? element("span", { class: "pill" }, visible(row.category)) : ""];
    dialog.show({ heading: heading.flat(), content: content(row), first: place <= 0, last: place === shown.length - 1 });
  }

  function step(direction) {
    const shown = handle.shown();
    const next = shown[shown.indexOf(current) + direction];
    if (next !== undefined) open(next);
  }

  const controls = Object.fromEntries(["search", "direction", "task"].map((id) => [id, document.getElementById(id)]));
  controls.task.append(element("option", { value: "" }, "all"));
  for (const [number, task] of tasks.entries()) controls.task.append(element("option", { value: number }, visible(task.name)));
  const change = () => {
    const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    handle.filter((row) => {
      if (controls.direction.value && (controls.direction.value === "gained") !== gained(row)) return false;
      if (controls.task.value && Number(controls.task.value) !== row.task) return false;
      const text = [row.id, row.category, row.prompt, row.target, ...row.answers].join("\n").toLowerCase();
      return words.every((word) => text.includes(word));
    });
  };
  for (const control of Object.values(controls)) control.addEventListener("input", change);
}

start();
