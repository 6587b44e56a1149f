// The page: its tabs, the sliders that both tabs share, and what it says.
import { isSingleFile, loadSettings } from "./assets.js";
import { preload } from "./engine.js";
import { FilesTab } from "./files-tab.js";
import { LiveTab } from "./live-tab.js";

const find = (id) => document.getElementById(id);

const page = {
  find,
  /** Say something that is not urgent. */
  say(text) {
    find("status").textContent = text;
  },
  /** Show a problem until it is dismissed. */
  complain(text) {
    const dismiss = Object.assign(document.createElement("button"), { textContent: "Dismiss" });
    dismiss.onclick = () => (find("alert").hidden = true);
    find("alert").replaceChildren(Object.assign(document.createElement("span"), { textContent: text }), dismiss);
    find("alert").hidden = false;
  },
  /** What the switch and the sliders say. */
  sound() {
    return {
      before: find("before").checked,
      strength: Number(find("strength").value) / 100,
      gainDb: Number(find("gain").value),
    };
  },
};

function missingFeature() {
  if (!window.WebAssembly || !window.Worker) return "WebAssembly";
  if (!window.OfflineAudioContext || !Blob.prototype.arrayBuffer) return "Web Audio";
  if (isSingleFile() && !window.DecompressionStream) return "DecompressionStream";
  return null;
}

async function start() {
  const missing = missingFeature();
  if (missing) return page.complain(`This browser is too old for this page (${missing} is missing).`);
  try {
    page.settings = await loadSettings();
  } catch (error) {
    return page.complain(`The page did not load completely: ${error.message}. Reload it.`);
  }
  const { model, version, runtime } = page.settings;
  find("about").textContent = `rtdenoise ${version} · model ${model.name} ${model.version} · ONNX Runtime Web ${runtime}`;
  const files = new FilesTab(page);
  const live = new LiveTab(page, files);
  connectTabs({ files, mic: live });
  connectSound([files, live]);
  connectKeys(files);
  preload().catch((error) => page.complain(`The model did not load: ${error.message}. Reload the page.`));
  document.body.dataset.ready = "true";
}

function connectTabs(tabs) {
  const names = Object.keys(tabs);
  const select = (name) => {
    for (const other of names) {
      const chosen = other === name;
      find(`${other}-tab`).setAttribute("aria-selected", chosen);
      find(`${other}-tab`).tabIndex = chosen ? 0 : -1;
      find(`${other}-panel`).hidden = !chosen;
      if (!chosen) tabs[other].hide();
    }
    tabs[name].show();
    find(`${name}-tab`).focus();
  };
  for (const name of names) {
    find(`${name}-tab`).onclick = () => select(name);
    find(`${name}-tab`).onkeydown = ({ key }) => {
      if (["ArrowLeft", "ArrowRight"].includes(key)) select(names.find((other) => other !== name));
    };
  }
  page.select = select;
}

function connectSound(tabs) {
  const changed = () => {
    const { strength, gainDb } = page.sound();
    find("strength-value").textContent = `${Math.round(100 * strength)} %`;
    find("gain-value").textContent = `${gainDb > 0 ? "+" : ""}${gainDb} dB`.replace("-", "−");
    tabs.forEach((tab) => tab.soundChanged(page.sound()));
  };
  for (const id of ["before", "after", "strength", "gain"]) find(id).addEventListener("input", changed);
  for (const id of ["strength", "gain"]) find(id).addEventListener("change", () => tabs.forEach((tab) => tab.redraw()));
  page.toggleSide = () => {
    const other = find("before").checked ? find("after") : find("before");
    other.checked = true;
    changed();
  };
  changed();
}

function connectKeys(files) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=file], select, textarea")) return;
    if (event.key.toLowerCase() === "b") page.toggleSide();
    if (event.key === " " && !event.target.closest("button, input, label, a")) {
      event.preventDefault();
      files.togglePlay();
    }
  });
}

start();
