// The tab for recordings: the list, the spectrograms, the player, downloads.
import { megabytes, mixed } from "./audio.js";
import { Batch } from "./batch.js";
import { Player } from "./player.js";
import { SpectrogramPair, clock } from "./spectrogram.js";
import { encodeWav } from "./wav.js";
import { ZipWriter } from "./zip.js";

const STATES = { waiting: "waiting", reading: "reading …", denoising: "denoising …", failed: "failed" };

export class FilesTab {
  constructor(page) {
    this.page = page;
    this.rate = page.settings.model.sampleRate;
    this.batch = new Batch(page.settings, (item) => this.itemChanged(item));
    this.rows = new Map();
    this.player = new Player(() => this.showPlayer());
    this.view = new SpectrogramPair(page.find("file-view"), ["Before", "After"], (place) => {
      this.player.seek(place * (this.player.seconds ?? 0));
    });
    page.find("limit").textContent = `(up to ${megabytes(page.settings.maxBytes)} MB each)`;
    this.connect();
  }

  connect() {
    const { find } = this.page;
    find("choose").onchange = ({ target }) => {
      this.add(target.files);
      target.value = ""; // the same file may be chosen again
    };
    find("play").onclick = () => this.togglePlay();
    find("position").oninput = ({ target }) => this.player.seek(Number(target.value));
    find("download-all").onclick = () => this.downloadAll();
    find("clear").onclick = () => [...this.batch.items].forEach((item) => this.batch.remove(item));
    this.connectDrop(find("drop"));
    new ResizeObserver(() => this.later(() => this.redraw())).observe(find("file-view"));
  }

  connectDrop(zone) {
    const isFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    for (const kind of ["dragenter", "dragover"]) {
      document.addEventListener(kind, (event) => {
        if (!isFiles(event)) return;
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    document.addEventListener("dragleave", (event) => !event.relatedTarget && zone.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.remove("over");
      this.page.select("files");
      this.add(event.dataTransfer.files);
    });
  }

  add(files) {
    for (const file of files) this.batch.add(file);
  }

  addTake(dry, wet) {
    const name = `take ${new Date().toTimeString().slice(0, 8).replaceAll(":", ".")}`;
    this.select(this.batch.addTake(name, dry, wet));
  }

  itemChanged(item) {
    if (item.state === "removed") {
      this.rows.get(item)?.remove();
      this.rows.delete(item);
      if (this.selected === item) this.deselect();
    } else {
      if (!this.rows.has(item)) this.rows.set(item, this.newRow(item));
      this.showRow(item, this.rows.get(item));
    }
    this.showBatch();
    if (item.state === "done" && !this.selected) this.select(item);
  }

  newRow(item) {
    const row = document.createElement("li");
    row.innerHTML = `<button class="name" aria-pressed="false"></button>
      <div class="state"><span></span><progress max="1" value="0"></progress></div>
      <div class="actions"><button class="download">Download</button><button class="remove">✕</button></div>`;
    const [name, download, remove] = row.querySelectorAll("button");
    name.textContent = name.title = item.name;
    name.onclick = () => this.select(item);
    download.setAttribute("aria-label", `Download ${item.name}`);
    download.onclick = () => this.download(item);
    remove.setAttribute("aria-label", `Remove ${item.name}`);
    remove.onclick = () => this.batch.remove(item);
    this.page.find("list").append(row);
    return row;
  }

  showRow(item, row) {
    const done = item.state === "done";
    row.className = item.state;
    row.querySelector(".state span").textContent = done ? doneText(item, this.rate) : stateText(item);
    row.querySelector("progress").hidden = !["reading", "denoising"].includes(item.state);
    row.querySelector("progress").value = item.progress;
    row.querySelector(".name").disabled = !done;
    row.querySelector(".download").hidden = !done;
  }

  showBatch() {
    const { find } = this.page;
    const { items } = this.batch;
    const done = items.filter(({ state }) => state === "done").length;
    const failed = items.filter(({ state }) => state === "failed").length;
    find("batch").hidden = !items.length;
    find("batch-title").textContent = `${done} of ${items.length} denoised${failed ? `, ${failed} failed` : ""}`;
    find("download-all").disabled = !done;
    find("download-all").hidden = items.length < 2;
    if (items.length && done + failed === items.length) this.page.say(find("batch-title").textContent);
  }

  deselect() {
    this.selected = null;
    this.player.unload();
    this.page.find("viewer").hidden = true;
  }

  async select(item) {
    this.selected = item;
    for (const [other, row] of this.rows) row.querySelector(".name").setAttribute("aria-pressed", other === item);
    try {
      const sound = await this.batch.sound(item);
      if (this.selected !== item) return;
      this.sound = sound;
      this.player.load(sound.dry, sound.wet, this.rate);
      this.page.find("viewer").hidden = false;
      this.page.find("viewer-title").textContent = item.name;
      this.page.find("viewer-facts").textContent = facts(item, this.rate);
      this.page.find("position").max = this.player.seconds;
      this.showPlayer();
      this.redraw();
    } catch (error) {
      this.page.complain(`${item.name} cannot be shown: ${error.message}`);
    }
  }

  soundChanged(sound) {
    this.player.set(sound);
    this.view.mark(sound.before ? 0 : 1);
  }

  /** Draw the spectrograms: the second one is what one hears with the strength and the level. */
  async redraw() {
    if (!this.selected || this.page.find("files-panel").hidden || !this.sound) return;
    const view = this.page.find("file-view");
    view.dataset.drawn = "";
    const { dry, wet } = this.sound;
    const whole = await this.view.draw([mean(dry), mean(mixed(dry, wet, this.page.sound()))], this.rate);
    if (whole) view.dataset.drawn = this.selected?.name ?? "";
  }

  later(call) {
    clearTimeout(this.timer);
    this.timer = setTimeout(call, 150);
  }

  show() {
    this.redraw();
  }

  hide() {
    this.player.stop();
  }

  togglePlay() {
    if (this.page.find("files-panel").hidden) return;
    if (this.player.playing) this.player.stop();
    else this.player.play();
  }

  showPlayer() {
    const { find } = this.page;
    const { player } = this;
    find("play").textContent = player.playing ? "Pause" : "Play";
    const place = () => {
      const { position } = player;
      find("position").value = position;
      find("position").setAttribute("aria-valuetext", clock(position));
      find("time").textContent = `${clock(position)} / ${clock(player.seconds ?? 0)}`;
      this.view.showPlace(player.buffers ? position / player.seconds : null);
    };
    place();
    cancelAnimationFrame(this.frame);
    const move = () => {
      place();
      if (player.playing) this.frame = requestAnimationFrame(move);
    };
    if (player.playing) move();
  }

  /** Return a WAV file of a recording as it is heard, and say if it was clipped. */
  async wav(item) {
    const { dry, wet } = item === this.selected && this.sound ? this.sound : await this.batch.sound(item);
    const bits = Number(this.page.find("format").value);
    const { blob, clipped } = encodeWav(mixed(dry, wet, this.page.sound()), this.rate, bits);
    if (clipped) this.page.complain(`${item.name}: ${clipped} samples were clipped at full scale: lower the level.`);
    return blob;
  }

  async download(item) {
    try {
      save(await this.wav(item), wavName(item));
    } catch (error) {
      this.page.complain(`${item.name} cannot be saved: ${error.message}`);
    }
  }

  async downloadAll() {
    const items = this.batch.items.filter(({ state }) => state === "done");
    const archive = new ZipWriter();
    const names = new Map();
    const button = this.page.find("download-all");
    button.disabled = true;
    try {
      for (const [i, item] of items.entries()) {
        this.page.say(`Packing ${i + 1} of ${items.length}: ${item.name}`);
        await archive.add(unique(wavName(item), names), await this.wav(item));
      }
      save(archive.finish(), "denoised.zip");
      this.page.say(`${items.length} recordings are in denoised.zip`);
    } catch (error) {
      this.page.complain(`The archive cannot be made: ${error.message}`);
    }
    button.disabled = false;
  }
}

function stateText(item) {
  return item.state === "failed" ? item.problem : STATES[item.state];
}

function doneText(item, rate) {
  if (item.isTake) return "recorded";
  const speed = item.frames / rate / (item.milliseconds / 1000);
  return `done, ${speed < 10 ? speed.toFixed(1) : Math.round(speed)} × real time`;
}

function facts(item, rate) {
  const channels = { 1: "mono", 2: "stereo" }[item.channels] ?? `${item.channels} channels`;
  return `${clock(item.frames / rate)}, ${channels}, at 48 kHz`;
}

function wavName(item) {
  const stem = item.name.replace(/\.[^.]{1,5}$/, "").replace(/[\\/:*?"<>|]/g, "_");
  return `${stem}-denoised.wav`;
}

function unique(name, names) {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : name.replace(/\.wav$/, ` (${count}).wav`);
}

function mean(channels) {
  if (channels.length === 1) return channels[0];
  const out = new Float32Array(channels[0].length);
  for (const samples of channels) for (let i = 0; i < out.length; i++) out[i] += samples[i] / channels.length;
  return out;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
