// How texts of models and data sets come into the page: as text nodes, never as markup.

// Characters that would be invisible, or would turn the text around them: controls, escapes, zero-width, bidirectional.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

// Returns a new element. Attributes named on… are listeners; children are elements or texts.
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// Returns what stands for a character that nobody could see.
function symbol(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

// Returns a text as nodes; hidden characters become visible marks.
function visible(value) {
  const text = textOf(value);
  const nodes = [];
  let last = 0;
  for (const match of text.matchAll(HIDDEN)) {
    nodes.push(text.slice(last, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(element("span", { class: "hidden-character", title: `U+${code}` }, symbol(match[0])));
    last = match.index + match[0].length;
  }
  nodes.push(text.slice(last));
  return nodes.filter((node) => node !== "");
}

// Returns a text on one line, cut at `length` characters.
function brief(text, length) {
  const line = String(text).slice(0, 4 * length).replace(/\s+/g, " ").trim();
  const short = line.length > length ? `${line.slice(0, length - 1)}…` : line;
  return short.replace(HIDDEN, symbol);
}

// Returns any value as a text: texts as they are, everything else as JSON.
function textOf(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1).replace(/\n\s*/g, " ");
}

function formatNumber(value, digits = 4) {
  if (typeof value !== "number") return textOf(value);
  return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(digits)));
}
