// A dialog over the page that shows one of many things, with ways to the previous and the next one.

// step(-1 or 1) is called for the previous and the next thing; closed() when the dialog was closed.
function createDialog({ step, closed }) {
  const title = element("h2", { id: "dialog-title" });
  const body = element("div", { class: "dialog-body", tabindex: "-1", autofocus: true });
  const back = button("←", "Previous sample (left arrow key)", () => step(-1));
  const forth = button("→", "Next sample (right arrow key)", () => step(1));
  const close = button("✕", "Close (Escape key)", () => node.close());
  const node = element(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    element("div", { class: "dialog-head" }, title, element("div", { class: "dialog-buttons" }, back, forth, close)),
    body,
  );
  node.addEventListener("close", closed);
  node.addEventListener("click", (event) => {
    if (event.target === node) node.close(); // the backdrop
  });
  node.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction) {
      event.preventDefault();
      step(direction);
    }
  });
  document.body.append(node);
  return {
    node,
    show: ({ heading, content, first = false, last = false }) => {
      title.replaceChildren(...[heading].flat());
      body.replaceChildren(...content);
      body.scrollTop = 0;
      back.disabled = first;
      forth.disabled = last;
      if (!node.open) node.showModal();
      if (document.activeElement === document.body) body.focus(); // the button in use was disabled
    },
    close: () => node.close(),
  };
}

function button(label, title, click) {
  return element("button", { type: "button", class: "quiet", title, "aria-label": title, onclick: click }, label);
}
