// The tab for the microphone: its start and end, figures, meters, moving spectrograms, takes.
import { workletURL } from "./assets.js";
import { DenoisingWorker } from "./engine.js";
import { joined } from "./samples.js";
import { SpectrogramPair, clock } from "./spectrogram.js";

const SHOWN_SECONDS = 10;
const MOST_TAKE_SECONDS = 1800;
const KEPT_TIMES = 500; // hops
const PROBLEMS = {
  NotAllowedError: "the browser was not allowed to use the microphone: allow it for this page and start again",
  NotFoundError: "there is no microphone: connect one",
  NotReadableError: "the microphone is used by another program, or does not work",
  OverconstrainedError: "the microphone that was chosen is gone: choose another one",
};

export class LiveTab {
  constructor(page, files) {
    Object.assign(this, { page, files, card: page.settings.model });
    this.view = new SpectrogramPair(page.find("live-view"), ["Before", "After"]);
    page.find("live").onclick = () => (this.running ? this.stop() : this.start());
    page.find("listen").onchange = () => this.setListening();
    page.find("microphone").onchange = () => this.restart();
    page.find("speaker").onchange = () => this.setSpeaker();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.listDevices());
  }

  show() {
    if (!this.running) this.view.startLive(this.card.sampleRate, SHOWN_SECONDS);
    this.listDevices();
  }

  hide() {
    this.stop();
  }

  redraw() {}

  soundChanged({ before, strength, gainDb }) {
    this.view.mark(before ? 0 : 1);
    this.controls = { bypass: before, strength, gainDb };
    this.worker?.setControls(this.controls);
  }

  async start() {
    const { find, say, complain } = this.page;
    find("live").disabled = true;
    say("Starting the microphone …");
    try {
      await this.open();
      this.running = true;
      say("The microphone is on.");
    } catch (error) {
      await this.close();
      complain(`The microphone did not start: ${PROBLEMS[error.name] ?? error.message}.`);
      say("");
    }
    find("live").disabled = false;
    find("live").textContent = this.running ? "Stop the microphone" : "Start the microphone";
  }

  async stop() {
    if (!this.running) return;
    this.running = false;
    this.page.find("live").textContent = "Start the microphone";
    this.page.say("The microphone is off.");
    await this.close();
    const { take } = this;
    this.take = null;
    if (take?.dry.length) this.files.addTake(joined(take.dry), joined(take.wet));
  }

  async restart() {
    if (!this.running) return;
    await this.stop();
    await this.start();
  }

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("browsers allow a microphone only on localhost, through https, or from a file");
    }
    const { sampleRate, hop } = this.card;
    const device = this.page.find("microphone").value;
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        deviceId: device ? { exact: device } : undefined,
        channelCount: 1,
        sampleRate,
        // The browser's own processing would change the sound before the network gets it.
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: false,
      },
    });
    this.listDevices(); // now with their names
    const [track] = this.stream.getAudioTracks();
    track.onended = () => this.lost();
    this.inputLatency = 1000 * (track.getSettings().latency ?? 0);
    this.reset();
    this.context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    await this.setSpeaker();
    this.worker = await DenoisingWorker.open(this.page.settings);
    this.worker.onLive = (live) => this.received(live);
    await this.context.audioWorklet.addModule(await workletURL("worklet.js"));
    await this.connect(hop);
    await this.context.resume();
  }

  async connect(hop) {
    const { port1, port2 } = new MessageChannel();
    this.node = new AudioWorkletNode(this.context, "rtdenoise-live", {
      outputChannelCount: [2],
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { hop },
    });
    this.node.port.onmessage = ({ data }) => this.played(data);
    this.node.onprocessorerror = () => this.page.complain("The browser's audio thread failed: start again.");
    this.gain = new GainNode(this.context, { gain: 0 });
    this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: this.stream });
    await this.worker.call("live", { port: port1, controls: this.controls }, [port1]);
    this.node.port.postMessage({ worker: port2 }, [port2]);
    this.setListening();
    this.source.connect(this.node).connect(this.gain).connect(this.context.destination);
  }

  async close() {
    this.stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
    this.node?.port.postMessage("end");
    this.source?.disconnect();
    await this.context?.close().catch(() => {});
    this.worker?.close();
    Object.assign(this, { stream: null, node: null, source: null, context: null, worker: null });
  }

  lost() {
    this.page.complain("The microphone was disconnected: connect it, or choose another one, and start again.");
    this.stop();
  }

  reset() {
    this.times = [];
    this.figures = { dropped: 0 };
    this.take = this.page.find("record").checked ? { dry: [], wet: [], frames: 0 } : null;
    this.view.startLive(this.card.sampleRate, SHOWN_SECONDS);
  }

  setListening() {
    this.gain?.gain.setTargetAtTime(this.page.find("listen").checked ? 1 : 0, this.context.currentTime, 0.01);
  }

  async setSpeaker() {
    const speaker = this.page.find("speaker").value;
    if (!this.context?.setSinkId || (!speaker && !this.context.sinkId)) return;
    await this.context.setSinkId(speaker).catch((error) => {
      this.page.complain(`The speaker cannot be used (${error.message}): choose another one.`);
    });
  }

  async listDevices() {
    if (!navigator.mediaDevices?.enumerateDevices) return;
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.fill("microphone", devices.filter(({ kind }) => kind === "audioinput"));
    const speakers = devices.filter(({ kind }) => kind === "audiooutput");
    this.fill("speaker", speakers);
    this.page.find("speaker-field").hidden = !("setSinkId" in AudioContext.prototype) || !speakers.length;
  }

  fill(id, devices) {
    const select = this.page.find(id);
    const { value } = select;
    const named = devices.filter(({ deviceId, label }) => label && !["", "default"].includes(deviceId));
    select.replaceChildren(new Option("Default", ""), ...named.map(({ label, deviceId }) => new Option(label, deviceId)));
    select.value = value;
    if (select.selectedIndex < 0) select.value = "";
  }

  /** Figures and sound from the worker. */
  received({ dry, wet, out, times, dropped, error }) {
    if (error) {
      this.page.complain(`Denoising failed: ${error}.`);
      return this.stop();
    }
    this.times = this.times.concat(times).slice(-KEPT_TIMES);
    this.figures.dropped = dropped;
    this.keep(dry, wet);
    this.view.push([dry, out]);
    this.meter("in", dry);
    this.meter("out", out);
    const sorted = this.times.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    const [median, p99] = [at(0.5), at(0.99)];
    const hop = (1000 * this.card.hop) / this.card.sampleRate;
    this.page.find("hop-time").textContent = `${median.toFixed(1)} ms of ${hop}, p99 ${p99.toFixed(1)}`;
    Object.assign(this.page.find("hop-time").dataset, { median, p99 }); // for `python -m benchmarks browser`
  }

  keep(dry, wet) {
    if (!this.take) return;
    this.take.dry.push(dry);
    this.take.wet.push(wet);
    this.take.frames += dry.length;
    if (this.take.frames > MOST_TAKE_SECONDS * this.card.sampleRate) {
      this.page.complain("The take is 30 minutes long: the microphone was stopped.");
      this.stop();
    }
  }

  meter(side, samples) {
    const level = 10 * Math.log10(samples.reduce((sum, x) => sum + x * x, 1e-12) / samples.length);
    this.page.find(`meter-${side}`).value = Math.max(-60, level);
    this.page.find(`level-${side}`).textContent = level < -100 ? "silent" : `${level.toFixed(1)} dB`.replace("-", "−");
  }

  /** Figures from the audio thread. */
  played({ dropouts, lost, fill, frames }) {
    if (!this.context) return;
    const { sampleRate, hop, lookahead } = this.card;
    const ms = (samples) => (1000 * samples) / sampleRate;
    const output = 1000 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0));
    const queue = (this.figures.queue = 0.9 * (this.figures.queue ?? ms(fill)) + 0.1 * ms(fill));
    const parts = { microphone: this.inputLatency, hop: ms(hop), "look-ahead and window": ms(lookahead), "computing and queue": queue, output };
    const total = Object.values(parts).reduce((a, b) => a + b);
    const { find } = this.page;
    find("latency").textContent = `${total.toFixed(0)} ms`;
    find("latency-parts").textContent = `Latency = ${Object.entries(parts)
      .filter(([, value]) => value)
      .map(([name, value]) => `${name} ${value.toFixed(0)}`)
      .join(" + ")} ms`;
    const dropped = this.figures.dropped ? `, ${this.figures.dropped} hops left out` : "";
    find("dropouts").textContent = dropouts ? `${dropouts} (${ms(lost).toFixed(0)} ms)${dropped}` : `none${dropped}`;
    find("dropouts").classList.toggle("warn", dropouts > 0);
    find("running").textContent = clock(frames / sampleRate, false);
    Object.assign(find("dropouts").dataset, { count: dropouts, lostMs: ms(lost), leftOut: this.figures.dropped });
    find("latency").dataset.ms = total;
    find("running").dataset.seconds = frames / sampleRate;
  }
}
