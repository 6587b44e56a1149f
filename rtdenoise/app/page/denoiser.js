// The network, hop by hop: the same samples as rtdenoise.inference.StreamEngine gives in Python.

const LARGEST = 1e10; // beyond this a sample is no audio, as in rtdenoise.processing.samples

/** Carries the network's state from block to block. Blocks are planar: channel after channel. */
export class StreamEngine {
  constructor(ort, session, card, channels) {
    Object.assign(this, { ort, session, card, channels });
  }

  /** Find the state after silence, with which every recording begins. */
  async prepare() {
    const { card, channels } = this;
    this.states = card.states.map(({ shape }) => {
      const dims = shape.map((size) => size ?? channels);
      return new this.ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
    });
    this.initialStates = null;
    const silence = Math.ceil(card.context / card.hop) * card.hop;
    await this.step(new Float32Array(channels * silence));
    this.initialStates = this.states;
    return this;
  }

  reset() {
    this.states = this.initialStates;
  }

  /** Denoise whole hops [channels * frames]; the result is `card.lookahead` samples late. */
  async step(block) {
    const shape = [this.channels, 1, block.length / this.channels];
    const feed = { audio: new this.ort.Tensor("float32", block, shape) };
    this.card.states.forEach(({ name }, i) => (feed[name] = this.states[i]));
    const result = await this.session.run(feed);
    this.states = this.card.states.map((_, i) => result[`next_state_${i}`]);
    return this.mended(result.denoised.data);
  }

  /** Replace what is no audio by silence and start anew, so that it does not stay in the state. */
  mended(samples) {
    let bad = false;
    for (let i = 0; i < samples.length; i++) {
      if (!(Math.abs(samples[i]) <= LARGEST)) {
        samples[i] = 0;
        bad = true;
      }
    }
    if (bad && this.initialStates) this.reset();
    return samples;
  }
}

/** Denoise a recording: channels of equal length in, channels of that length out, no delay. */
export async function denoiseRecording(engine, channels, opening, onProgress) {
  const { hop, lookahead, segment } = engine.card;
  const count = channels.length;
  const frames = channels[0].length;
  const out = channels.map(() => new Float32Array(frames));
  const total = Math.ceil((opening + frames + lookahead) / hop) * hop;
  engine.reset();
  for (let start = 0; start < total; start += segment) {
    const length = Math.min(segment, total - start);
    const block = new Float32Array(count * length);
    channels.forEach((samples, c) => fill(block.subarray(c * length, (c + 1) * length), samples, start - opening));
    const wet = await engine.step(block);
    const target = start - opening - lookahead; // frame of the recording that wet[0] belongs to
    const skip = Math.max(0, -target);
    const end = Math.min(length, frames - target);
    for (let c = 0; c < count && end > skip; c++) {
      out[c].set(wet.subarray(c * length + skip, c * length + end), target + skip);
    }
    if (!(await onProgress(Math.min(1, (start + length) / total)))) return null;
  }
  return out;
}

/** Copy samples from frame `start` on: before the recording its mirror image, after it silence. */
function fill(target, samples, start) {
  const from = Math.max(0, start);
  const to = Math.min(samples.length, start + target.length);
  if (to > from) target.set(samples.subarray(from, to), from - start);
  for (let i = 0; i < target.length && start + i < 0; i++) {
    target[i] = samples[mirrored(-(start + i), samples.length)];
  }
}

/** Return the index that lies `distance` before the beginning of a mirrored recording. */
function mirrored(distance, length) {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = distance % period;
  return place < length ? place : period - place;
}

/** Mixes denoised with dry sound and sets the level, without clicks: as Processor in Python. */
export class Blend {
  constructor(sampleRate) {
    this.slope = 1 / (0.02 * sampleRate); // a parameter moves over its whole range in 20 ms
    this.dry = 0;
    this.gain = 1;
  }

  apply(wet, dry, { strength, gainDb, bypass }) {
    const out = new Float32Array(wet.length);
    const weight = bypass ? 1 : 1 - strength;
    const gain = bypass ? 1 : 10 ** (gainDb / 20);
    const step = this.slope * Math.max(1, gain, this.gain);
    for (let i = 0; i < wet.length; i++) {
      this.dry = towards(this.dry, weight, this.slope);
      this.gain = towards(this.gain, gain, step);
      out[i] = (wet[i] + this.dry * (dry[i] - wet[i])) * this.gain;
    }
    return out;
  }
}

function towards(value, target, step) {
  return value < target ? Math.min(value + step, target) : Math.max(value - step, target);
}
