// The recordings: a queue through the workers, results on disk where the browser keeps Blobs.
import { decodeFile } from "./audio.js";
import { DenoisingWorker } from "./engine.js";

const NO_MEMORY = "there is not enough memory for it in this browser: use `rtdenoise file`";

/** Recordings and their results. `onChange(item)` is called at every change of one of them. */
export class Batch {
  constructor(settings, onChange) {
    Object.assign(this, { settings, onChange, items: [], workers: [], idle: [], opening: 0, lastId: 0 });
    // One core is left for the page and for what else runs.
    this.mostWorkers = Math.max(1, Math.min(4, (navigator.hardwareConcurrency || 2) - 1));
  }

  add(file) {
    const item = { id: ++this.lastId, name: file.name, file, state: "waiting", progress: 0 };
    this.items.push(item);
    this.onChange(item);
    this.next();
  }

  /** Add a take of the microphone: dry and denoised samples. */
  addTake(name, dry, wet) {
    const item = { id: ++this.lastId, name, state: "done", progress: 1, channels: 1, frames: dry.length };
    Object.assign(item, { dryBlob: new Blob([dry]), wetBlob: new Blob([wet]), isTake: true });
    this.items.push(item);
    this.onChange(item);
    return item;
  }

  remove(item) {
    item.job?.cancel?.();
    item.state = "removed";
    this.items = this.items.filter((other) => other !== item);
    this.onChange(item);
  }

  async next() {
    const item = this.items.find(({ state }) => state === "waiting");
    if (!item) return;
    const worker = this.idle.pop();
    if (!worker && this.workers.length + this.opening >= this.mostWorkers) return;
    this.change(item, { state: "reading", job: {} });
    try {
      await this.process(item, worker ?? (await this.openWorker()));
    } catch (error) {
      const problem = error instanceof RangeError ? NO_MEMORY : error.message; // of a large array
      this.change(item, { state: "failed", problem });
    }
    this.next();
  }

  async openWorker() {
    this.opening++;
    try {
      const worker = await DenoisingWorker.open(this.settings);
      this.workers.push(worker);
      return worker;
    } finally {
      this.opening--;
    }
  }

  async process(item, worker) {
    try {
      this.next(); // another worker may take the next one
      const dry = await decodeFile(item.file, this.settings.maxBytes);
      if (item.state === "removed") return;
      this.change(item, { state: "denoising", channels: dry.length, frames: dry[0].length });
      const result = await worker.denoise(dry, (progress) => this.change(item, { progress }), item.job);
      if (!result || item.state === "removed") return;
      const wetBlob = new Blob(result.channels);
      this.change(item, { state: "done", progress: 1, wetBlob, milliseconds: result.milliseconds });
    } finally {
      this.idle.push(worker);
    }
  }

  change(item, changes) {
    if (item.state === "removed") return;
    Object.assign(item, changes);
    this.onChange(item);
  }

  /** Return { dry, wet }: the channels of a finished recording. */
  async sound(item) {
    const wet = await readChannels(item.wetBlob, item);
    const dry = item.dryBlob ? await readChannels(item.dryBlob, item) : await decodeFile(item.file, Infinity);
    return { dry, wet };
  }
}

async function readChannels(blob, { channels, frames }) {
  const bytes = await blob.arrayBuffer();
  return Array.from({ length: channels }, (_, c) => new Float32Array(bytes, 4 * c * frames, frames));
}
