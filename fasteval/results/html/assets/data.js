// The data that stand in the page.

function readData(id) {
  const node = document.getElementById(id);
  return node === null ? null : JSON.parse(node.textContent);
}

// Returns a promise of data that were compressed with gzip and written in base64.
async function readCompressed(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
