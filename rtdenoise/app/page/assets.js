// The page's other files: beside it on a web server, or compressed in it (see single_file.py).

function embedded(name) {
  return document.querySelector(`script[data-file="${name}"]`);
}

export function isSingleFile() {
  return embedded("settings.json") !== null;
}

/** Return the content of a file as an ArrayBuffer. */
export async function fileBytes(name) {
  const element = embedded(name);
  if (!element) {
    const answer = await fetch(name);
    if (!answer.ok) throw new Error(`${name} cannot be loaded (${answer.status})`);
    return answer.arrayBuffer();
  }
  const packed = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

/** Return an address from which a worker starts. */
export async function workerURL(name) {
  if (!embedded(name)) return new URL(name, document.baseURI).href;
  return URL.createObjectURL(new Blob([await fileBytes(name)], { type: "text/javascript" }));
}

/** Return an address of an audio worklet. On file:// Chromium takes no blob: address there. */
export async function workletURL(name) {
  if (!embedded(name)) return new URL(name, document.baseURI).href;
  const text = new TextDecoder().decode(await fileBytes(name));
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

/** Return what a worker imports: an address, or the text of a module. */
export async function moduleFor(name) {
  if (!embedded(name)) return { url: new URL(name, document.baseURI).href };
  return { bytes: await fileBytes(name) };
}

export async function loadSettings() {
  return JSON.parse(new TextDecoder().decode(await fileBytes("settings.json")));
}
