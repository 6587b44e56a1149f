// The audio thread's part: it cuts the microphone into hops for the worker and plays what returns.
// It allocates only the hops that it sends, and never waits.

const FADE = 128; // samples, where sound begins, ends or is shortened
const FIRST_HOPS = 5; // that wait before sound begins: a browser stops for 20 ms now and then
const LEAST_HOPS = 2;
const MOST_HOPS = 20;
const SPARE_HOPS = 2; // that were never needed, before the queue becomes shorter
const CALM_SECONDS = 60; // of which that must be true; twice as long after each dropout

/** How many samples shall wait: more after a dropout, fewer after a long calm. */
class Reserve {
  constructor(hop, sampleRate) {
    this.hop = hop;
    this.target = FIRST_HOPS * hop;
    this.patience = CALM_SECONDS * sampleRate;
    this.begin();
  }

  begin() {
    this.calm = 0;
    this.lowest = Infinity;
  }

  dropped() {
    this.target = Math.min(this.target + this.hop, MOST_HOPS * this.hop);
    this.patience *= 2;
    this.begin();
  }

  /** Note what still waits after `length` samples were played; return whether a hop is too much. */
  played(length, waiting) {
    this.lowest = Math.min(this.lowest, waiting);
    this.calm += length;
    if (this.calm < this.patience) return false;
    const spare = this.target > LEAST_HOPS * this.hop && this.lowest > SPARE_HOPS * this.hop;
    if (spare) this.target -= this.hop;
    this.begin();
    return spare;
  }
}

class LiveProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { hop } }) {
    super();
    this.hopLength = hop;
    this.reserve = new Reserve(hop, sampleRate);
    this.ring = new Float32Array(2 * MOST_HOPS * hop);
    Object.assign(this, { read: 0, fill: 0, filling: true, fade: 0, last: 0, started: false });
    Object.assign(this, { dropouts: 0, lost: 0, trimmed: 0, frames: 0 });
    this.collected = new Float32Array(hop);
    this.collectedLength = 0;
    this.ended = false;
    this.port.onmessage = ({ data }) => {
      if (data === "end") this.ended = true;
      if (data.worker) {
        this.worker = data.worker;
        this.worker.onmessage = (message) => this.take(message.data);
      }
    };
  }

  /** Take denoised samples from the worker. */
  take(samples) {
    if (this.fill + samples.length > this.ring.length) this.trim(samples.length);
    let write = (this.read + this.fill) % this.ring.length;
    for (let i = 0; i < samples.length; i++) {
      this.ring[write] = samples[i];
      write = write + 1 === this.ring.length ? 0 : write + 1;
    }
    this.fill += samples.length;
    if (this.fill >= this.reserve.target) this.filling = false;
    // What comes in a burst after a stall would be a delay for ever.
    const slack = this.fill - this.reserve.target - 2 * this.hopLength;
    if (slack > 0) {
      this.trim(slack + this.hopLength);
      this.trimmed += slack + this.hopLength;
    }
  }

  /** Leave out `length` samples, with a crossfade. */
  trim(length) {
    const { ring } = this;
    const size = ring.length;
    length = Math.min(length, this.fill - FADE);
    if (length <= 0) return;
    for (let i = 0; i < FADE; i++) {
      const kept = (this.read + length + i) % size;
      const weight = i / FADE;
      ring[kept] = weight * ring[kept] + (1 - weight) * ring[(this.read + i) % size];
    }
    this.read = (this.read + length) % size;
    this.fill -= length;
  }

  process([input], [output]) {
    const out = output[0];
    if (this.worker) {
      this.collect(input[0], out.length);
      this.play(out);
      for (let c = 1; c < output.length; c++) output[c].set(out);
    }
    return !this.ended;
  }

  collect(samples, length) {
    for (let i = 0; i < length; i++) {
      this.collected[this.collectedLength++] = samples ? samples[i] : 0;
      if (this.collectedLength === this.hopLength) {
        this.worker.postMessage({ hop: this.collected }, [this.collected.buffer]);
        this.collected = new Float32Array(this.hopLength);
        this.collectedLength = 0;
      }
    }
  }

  play(out) {
    this.frames += out.length;
    if (!this.filling && this.fill < out.length) this.drop();
    if (this.filling) {
      this.lost += this.started ? out.length : 0;
      this.fade = 0;
      for (let i = 0; i < out.length; i++) out[i] = this.last *= 0.95;
    } else {
      this.copy(out);
      this.started = true;
      if (this.reserve.played(out.length, this.fill)) this.trim(this.hopLength);
    }
    if (this.frames % (out.length * 64) === 0) this.report();
  }

  /** The worker was late: play faded silence until more samples wait than before. */
  drop() {
    this.dropouts++;
    this.filling = true;
    this.reserve.dropped();
  }

  copy(out) {
    for (let i = 0; i < out.length; i++) {
      this.fade = Math.min(1, this.fade + 1 / FADE);
      out[i] = this.ring[this.read] * this.fade;
      this.read = this.read + 1 === this.ring.length ? 0 : this.read + 1;
    }
    this.fill -= out.length;
    this.last = out[out.length - 1];
  }

  report() {
    const { dropouts, lost, trimmed, fill, frames } = this;
    this.port.postMessage({ dropouts, lost, trimmed, fill, target: this.reserve.target, frames });
  }
}

registerProcessor("rtdenoise-live", LiveProcessor);
