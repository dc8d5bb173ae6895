// Which samples are shown: text, status, task and category, and the controls for them.

const STATUSES = [
  ["all", "All", () => true],
  ["right", "Right", (row) => row.status === "right"],
  ["partly", "Partly right", (row) => row.status === "partly"],
  ["wrong", "Wrong", (row) => row.status === "wrong"],
  ["unscored", "No verdict", (row) => row.status === "unscored"],
  ["error", "Error", (row) => row.status === "error"],
  ["truncated", "Truncated", (row) => Boolean(row.truncated)],
];

// What a text search looks at, in lower case; made when it is first needed.
function searchText(row) {
  if (row.searchText === undefined) {
    const parts = [row.id, row.question, row.target, row.answer, row.responses, row.error, row.doc];
    row.searchText = parts.map(textOf).join("\n").toLowerCase();
  }
  return row.searchText;
}

// Returns the text by which a document's value of a field is known as a category.
function categoryOf(row, field) {
  const value = row.doc[field];
  return value === null || value === undefined ? null : String(value);
}

// Calls changed(predicate) whenever a control says something else. tasks: {name, fields}.
function createFilters(tasks, rows, changed) {
  const nodes = Object.fromEntries(
    ["search", "statuses", "task", "field", "category", "reset"].map((id) => [id, document.getElementById(id)]),
  );
  const initial = { text: "", status: "all", task: tasks.length === 1 ? 0 : null, field: null, category: null };
  const state = { ...initial };
  const chips = createChips();

  function createChips() {
    const there = STATUSES.filter(([name, , test]) => name === "all" || rows.some(test));
    return there.map(([name, label, test]) => {
      const count = element("span", { class: "count" });
      const chip = element(
        "button",
        { type: "button", class: "chip", "aria-pressed": "false", "data-status": name, onclick: () => set({ status: name }) },
        label,
        count,
      );
      nodes.statuses.append(chip);
      return { name, test, chip, count };
    });
  }

  function matches(row) {
    if (state.task !== null && row.task !== state.task) return false;
    if (state.category !== null && categoryOf(row, state.field) !== state.category) return false;
    return state.text === "" || words().every((word) => searchText(row).includes(word));
  }

  function words() {
    return state.text.toLowerCase().split(/\s+/).filter(Boolean);
  }

  function set(changes) {
    Object.assign(state, changes);
    if ("task" in changes && !("field" in changes)) Object.assign(state, { field: null, category: null });
    if ("field" in changes && !("category" in changes)) state.category = null;
    show();
    const among = rows.filter(matches);
    for (const { name, test, chip, count } of chips) {
      count.textContent = among.filter(test).length.toLocaleString("en");
      chip.setAttribute("aria-pressed", String(name === state.status));
    }
    const test = (STATUSES.find(([name]) => name === state.status) || STATUSES[0])[2];
    changed((row) => test(row) && matches(row));
  }

  // Makes the controls say what the state is.
  function show() {
    if (nodes.search.value !== state.text) nodes.search.value = state.text;
    const fields = state.task === null ? [] : tasks[state.task].fields;
    fill(nodes.task, [["", "All tasks"], ...tasks.map((task, number) => [String(number), task.name])], state.task);
    fill(nodes.field, [["", "Any category"], ...fields.map((field) => [field, `by ${field}`])], state.field);
    fill(nodes.category, [["", `Any ${state.field}`], ...categories()], state.category);
    nodes.task.parentNode.hidden = tasks.length < 2;
    nodes.field.parentNode.hidden = fields.length === 0;
    nodes.category.parentNode.hidden = state.field === null;
    nodes.reset.hidden = Object.keys(initial).every((name) => state[name] === initial[name]);
  }

  function categories() {
    if (state.field === null) return [];
    const counts = new Map();
    for (const row of rows) {
      const value = row.task === state.task ? categoryOf(row, state.field) : null;
      if (value !== null) counts.set(value, (counts.get(value) || 0) + 1);
    }
    return [...counts].map(([value, count]) => [value, `${brief(value, 60)} (${count.toLocaleString("en")})`]);
  }

  let waiting = 0;
  nodes.search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => set({ text: nodes.search.value.trim() }), 120);
  });
  nodes.task.addEventListener("change", () => set({ task: nodes.task.value === "" ? null : Number(nodes.task.value) }));
  nodes.field.addEventListener("change", () => set({ field: nodes.field.value || null }));
  nodes.category.addEventListener("change", () => set({ category: chosen(nodes.category) }));
  nodes.reset.addEventListener("click", () => {
    set({ ...initial });
    nodes.search.focus();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, dialog");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      nodes.search.focus();
    }
  });
  set({});
  return { set: (changes) => set({ ...initial, ...changes }) };
}

// Fills a select with [value, label] pairs. The first one stands for nothing, so that "" may be a value too.
function fill(select, options, value) {
  const key = JSON.stringify(options);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...options.map(([name, label]) => element("option", { value: name }, label)));
  }
  const index = value === null ? 0 : options.findIndex(([name], number) => number > 0 && name === String(value));
  select.selectedIndex = Math.max(0, index);
}

function chosen(select) {
  return select.selectedIndex === 0 ? null : select.value;
}
