// Runs the network outside of the page's thread: recordings, or the hops of a live microphone.
import { StreamEngine, denoiseRecording } from "./denoiser.js";
import { serveLive } from "./live-worker.js";

const WARM_UP_HOPS = 100; // 1 s of audio
const engines = new Map(); // by number of channels
const cancelled = new Set();
let settings, session, ort, setControls;

async function open({ settings: given, runtime, binary, model }) {
  settings = given;
  // Behind a file:// page only the worker's own blob: addresses can be imported.
  ort = await import(runtime.url ?? URL.createObjectURL(new Blob([runtime.bytes], { type: "text/javascript" })));
  ort.env.wasm.numThreads = 1; // more would need a page that is isolated from all others
  ort.env.wasm.wasmBinary = binary;
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new Uint8Array(model), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
}

async function engineFor(channels) {
  if (!engines.has(channels)) {
    engines.set(channels, await new StreamEngine(ort, session, settings.model, channels).prepare());
  }
  return engines.get(channels);
}

async function denoise({ id, channels }) {
  const started = performance.now();
  const out = await denoiseRecording(
    await engineFor(channels.length),
    channels,
    settings.opening,
    async (done) => {
      postMessage({ id, progress: done });
      await new Promise((resolve) => setTimeout(resolve)); // lets a cancellation arrive
      return !cancelled.delete(id);
    },
  );
  if (!out) return { cancelled: true };
  return { channels: out, milliseconds: performance.now() - started };
}

const actions = {
  open,
  denoise,
  async live({ port, controls }) {
    const engine = await engineFor(1);
    // The first runs of a new length are slow: they must not be those of the first words.
    for (let i = 0; i < WARM_UP_HOPS; i++) await engine.step(new Float32Array(engine.card.hop));
    setControls = serveLive(engine, port, controls, postMessage.bind(self));
  },
};

self.onmessage = async ({ data }) => {
  if (data.action === "cancel") return cancelled.add(data.id);
  if (data.action === "controls") return setControls?.(data.controls);
  try {
    const result = (await actions[data.action](data)) ?? {};
    postMessage({ id: data.id, result }, (result.channels ?? []).map((samples) => samples.buffer));
  } catch (error) {
    postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
};
