// Workers that run the network, from the page's side.
import { fileBytes, moduleFor, workerURL } from "./assets.js";

let loading; // the files that every worker gets

/** Start loading the model and onnxruntime-web, so that the first recording need not wait. */
export function preload() {
  loading ??= Promise.all([workerURL("worker.js"), moduleFor("ort.mjs"), fileBytes("ort.wasm"), fileBytes("model.onnx")]);
  return loading;
}

/** A worker with the model loaded. */
export class DenoisingWorker {
  static async open(settings) {
    const [address, runtime, binary, model] = await preload();
    const opened = new DenoisingWorker(new Worker(address));
    await opened.call("open", { settings, runtime, binary, model });
    return opened;
  }

  constructor(worker) {
    this.worker = worker;
    this.calls = new Map();
    this.lastId = 0;
    this.onLive = () => {};
    worker.onmessage = ({ data }) => this.receive(data);
    worker.onerror = (event) => this.fail(event.message || "the worker did not start");
    worker.onmessageerror = () => this.fail("the worker sent what cannot be read");
  }

  receive({ id, progress, result, error, live }) {
    if (live) return this.onLive(live);
    const call = this.calls.get(id);
    if (!call) return;
    if (progress !== undefined) return call.onProgress(progress);
    this.calls.delete(id);
    if (error !== undefined) call.reject(new Error(error));
    else call.resolve(result);
  }

  fail(reason) {
    for (const { reject } of this.calls.values()) reject(new Error(reason));
    this.calls.clear();
  }

  call(action, data, transfer = [], onProgress = () => {}) {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ action, id, ...data }, transfer);
    });
  }

  /** Denoise channels of equal length; `job.cancel()` ends it early, and null is returned. */
  async denoise(channels, onProgress, job = {}) {
    job.cancel = () => this.worker.postMessage({ action: "cancel", id });
    const id = this.lastId + 1;
    const copies = channels.map((samples) => samples.slice());
    const result = await this.call("denoise", { channels: copies }, copies.map((c) => c.buffer), onProgress);
    return result.cancelled ? null : result;
  }

  /** Set { strength, gainDb, bypass } of a live microphone. */
  setControls(controls) {
    this.worker.postMessage({ action: "controls", controls });
  }

  close() {
    this.worker.terminate();
    this.fail("stopped");
  }
}
