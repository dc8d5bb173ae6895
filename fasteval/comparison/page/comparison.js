// Puts the comparison's page together: the table of flipped documents, its filters, and the dialog with both answers.

const tasks = readData("task-data");
const pictures = readData("pictures");

function gained(row) {
  return row.scores[1] > row.scores[0] === tasks[row.task].higher;
}

function scorePill(row) {
  const tone = gained(row) ? "tone-right" : "tone-wrong";
  return element("span", { class: `pill ${tone}` }, row.scores.map((score) => formatNumber(score)).join(" → "));
}

function columns(open) {
  const text = (read) => ({ cell: (row) => clamp(read(row)), sort: (row) => lower(read(row)) });
  const answer = (number) => ({
    cell: (row) => clamp(row.answers[number], better(row, number) ? "" : "wrong-answer"),
    sort: (row) => lower(row.answers[number]),
  });
  const categories = tasks.some((task) => task.column !== null);
  return [
    { name: "status", title: "Score", cell: scorePill, sort: (row) => (gained(row) ? "gained" : "lost") },
    { name: "id", title: "Document", type: "num", cell: (row) => opener(row, open), sort: (row) => row.id },
    tasks.length > 1 && { name: "task", title: "Task", cell: (row) => clamp(tasks[row.task].name), sort: (row) => row.task },
    categories && { name: "category", title: "Category", ...text((row) => row.category) },
    pictures.length > 0 && { name: "picture", title: "Image", cell: (row) => thumb(row, pictures) },
    { name: "question", title: "Prompt", ...text((row) => row.prompt) },
    { name: "target", title: "Target", ...text((row) => row.target) },
    { name: "base", title: "Base", ...answer(0) },
    { name: "candidate", title: "Candidate", ...answer(1) },
  ].filter(Boolean);
}

function part(title, text) {
  return element("section", {}, element("h3", {}, title), element("pre", { class: "text" }, visible(text)));
}

// Whether of two answers (0: base, 1: candidate) this is the better one.
function better(row, number) {
  return gained(row) === (number === 1);
}

function side(row, number, title) {
  const node = part([visible(title), ` · ${formatNumber(row.scores[number])}`], row.answers[number]);
  node.classList.add(better(row, number) ? "tone-right" : "tone-wrong");
  return node;
}

function content(row) {
  const task = tasks[row.task];
  const shown = pictureSection(row, pictures);
  const texts = element(
    "div",
    {},
    element("div", { class: "sides" }, side(row, 0, task.base), side(row, 1, task.candidate)),
    part("Target", row.target),
    part("Prompt", row.prompt),
  );
  return [element("div", { class: shown ? "flip" : "" }, shown, texts)];
}

async function start() {
  const node = document.getElementById("table");
  if (node !== null) await showFlips(node);
  document.documentElement.dataset.ready = ""; // for whoever drives the page
}

async function showFlips(node) {
  const rows = await readCompressed("flip-data");
  node.classList.toggle("no-pictures", pictures.length === 0);
  let current = null;
  const handle = dataTable(node, { rows, columns: columns(open), order: [["id", "asc"]], open, empty: "No documents" });
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
  controls.task.append(element("option", { value: "" }, "All tasks"));
  controls.task.parentElement.hidden = tasks.length < 2;
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
