// Pictures: WebP in base64, as the page's data have them.

function picture(data, alternative, attributes) {
  return element("img", { src: `data:image/webp;base64,${data}`, alt: alternative, ...attributes });
}

// Returns the first picture of a row for a table's cell.
function thumb(row, pictures) {
  const number = (row.pictures || [])[0];
  return number === undefined ? "" : picture(pictures[number], "", { class: "thumb" });
}

// Returns all pictures of a row, large; null if there are none.
function pictureSection(row, pictures) {
  const shown = (row.pictures || []).map((number, index) => sizedPicture(pictures[number], `Image ${index + 1} of the prompt`));
  return shown.length ? element("section", { class: "pictures" }, shown) : null;
}

function sizedPicture(data, alternative) {
  const node = picture(data, alternative, {});
  // Few pixels are shown as they are; smoothing would show what the model never saw.
  node.addEventListener("load", () => node.classList.toggle("tiny", Math.max(node.naturalWidth, node.naturalHeight) <= 128));
  return node;
}
