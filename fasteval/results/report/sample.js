// One sample in full: its images, prompt, target, answers, scores and choices.

const STATUS_LABELS = { right: "right", partly: "partly right", wrong: "wrong", error: "error", unscored: "no verdict" };

function statusPill(row) {
  const tone = row.status === "unscored" ? "" : ` tone-${row.status}`;
  return element("span", { class: `pill${tone}` }, STATUS_LABELS[row.status]);
}

// Returns the heading and the nodes of the dialog that shows a sample.
function sampleView(row, task, pictures) {
  const shown = pictureSection(row, pictures);
  const heading = [element("span", {}, `${task.name} #${row.id}`), statusPill(row)];
  if (row.truncated) heading.push(element("span", { class: "pill tone-partly" }, "truncated"));
  const facts = [
    ["Score", row.score === undefined || task.metric === null ? null : `${formatNumber(row.score)} (${task.metric})`],
    ["Ended by", row.finish],
    ["Tokens", tokens(row)],
  ];
  const details = element("div", { class: "details" }, answers(row), promptSection(row), choicesSection(row), scoresSection(row), docSection(row));
  const side = element(
    "div",
    {},
    shown,
    element("section", {}, keyValues(facts)),
  );
  const layout = shown ? [side, details] : [details, side];
  return { heading, content: [element("div", { class: shown ? "sample" : "sample no-pictures" }, layout)] };
}

function tokens(row) {
  const [prompt, output] = row.tokens;
  if (prompt === null || prompt === undefined) return null;
  return `${prompt.toLocaleString("en")} in the prompt, ${(output || 0).toLocaleString("en")} generated`;
}

function answers(row) {
  const raw = row.responses === null || row.responses === undefined ? [] : [row.responses].flat(2);
  const parts = [];
  if (row.error !== undefined) parts.push(block("Error", [row.error], "error"));
  if (row.target !== null && row.target !== undefined) parts.push(block("Target", [row.target]));
  if (row.choices === undefined) {
    if (raw.length) parts.push(block("Raw answer", raw));
    for (const { name, answers: filtered } of row.filters) {
      if (filtered === undefined || filtered === null || filtered.length === 0) continue;
      const title = row.filters.length > 1 ? `Filtered answer (${name})` : "Filtered answer";
      parts.push(block(title, [filtered].flat(), row.status === "unscored" ? null : row.status));
    }
  } else {
    parts.push(block("Most probable choice", [row.answer], row.status === "unscored" ? null : row.status));
  }
  return element("div", { class: "answers" }, parts);
}

function block(title, texts, tone) {
  return element(
    "section",
    { class: tone ? `tone-${tone}` : null },
    element("h3", {}, title),
    texts.map((text) => element("pre", { class: "text" }, textOf(text) === "" ? element("span", { class: "empty-answer" }, "empty") : visible(text))),
  );
}

function promptSection(row) {
  if (!Array.isArray(row.prompt)) return block("Prompt, exactly as the model read it", [row.prompt]);
  const messages = row.prompt.map((message) => [
    element("p", { class: "role" }, visible(message.role || "")),
    [message.content].flat().map((part) => element("pre", { class: "text" }, visible(part && part.type === "text" ? part.text : part))),
  ]);
  return element("section", {}, element("h3", {}, "Prompt: messages that the server renders"), messages);
}

function choicesSection(row) {
  if (row.choices === undefined) return null;
  const best = Math.max(...row.choices.map(([, logprob]) => logprob));
  const total = row.choices.reduce((sum, [, logprob]) => sum + Math.exp(logprob - best), 0);
  const lines = row.choices.map(([text, logprob, greedy]) => {
    const share = Math.exp(logprob - best) / total;
    return element(
      "tr",
      { class: logprob === best ? "chosen" : null },
      element("th", { scope: "row" }, visible(text), textOf(text).trim() === textOf(row.target) ? element("small", {}, " target") : null),
      element("td", { class: "numeric" }, formatNumber(logprob, 5)),
      element("td", { class: "numeric" }, `${(100 * share).toFixed(1)} %`),
      element("td", { class: "bar-cell" }, shareBar(share)),
      element("td", {}, greedy ? "greedy" : ""),
    );
  });
  const head = element(
    "tr",
    {},
    element("th", {}, "Choice"),
    element("th", { class: "numeric" }, "Log-probability"),
    element("th", { class: "numeric" }, "Share"),
    element("th", { class: "bar-cell" }),
    element("th", {}),
  );
  const table = element("table", { class: "choices" }, element("thead", {}, head), element("tbody", {}, lines));
  return element("section", {}, element("h3", {}, "Choices"), element("div", { class: "scroll" }, table));
}

function shareBar(share) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const attributes = { class: "bar", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  for (const [name, width] of [["bar-room", 100], ["bar-value", 100 * share]]) {
    const rectangle = document.createElementNS(space, "rect");
    const box = { class: name, x: 0, y: 3, width, height: 6, rx: 1 };
    for (const [key, value] of Object.entries(box)) rectangle.setAttribute(key, value);
    svg.append(rectangle);
  }
  return svg;
}

function scoresSection(row) {
  const several = row.filters.length > 1;
  const entries = row.filters.flatMap(({ name, metrics }) =>
    Object.entries(metrics).map(([metric, value]) => [several ? `${metric} (${name})` : metric, formatNumber(value)]),
  );
  return entries.length ? element("section", {}, element("h3", {}, "Scores of this document"), keyValues(entries)) : null;
}

function docSection(row) {
  const entries = Object.entries(row.doc);
  return entries.length ? element("section", {}, element("h3", {}, "Document"), keyValues(entries)) : null;
}

function keyValues(entries) {
  const there = entries.filter(([, value]) => value !== null && value !== undefined);
  return element("dl", { class: "key-values" }, there.map(([name, value]) => element("div", {}, element("dt", {}, visible(name)), element("dd", {}, visible(value)))));
}
