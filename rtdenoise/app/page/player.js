// Plays a recording before and after at once, so that a switch between them never jumps.

const FADE_SECONDS = 0.008; // time constant of every change of level

export class Player {
  constructor(onChange) {
    this.onChange = onChange; // called when playing begins or ends
    this.offset = 0;
    this.sources = [];
    this.sound = { before: false, strength: 1, gainDb: 0 };
  }

  load(dry, wet, sampleRate) {
    this.stop();
    this.offset = 0;
    this.context ??= new AudioContext();
    this.seconds = dry[0].length / sampleRate;
    this.buffers = [dry, wet].map((channels) => {
      const buffer = this.context.createBuffer(channels.length, channels[0].length, sampleRate);
      channels.forEach((samples, c) => buffer.copyToChannel(samples, c));
      return buffer;
    });
  }

  unload() {
    this.stop();
    this.buffers = null;
  }

  get playing() {
    return this.sources.length > 0;
  }

  /** Seconds from the beginning to what is heard now. */
  get position() {
    if (!this.playing) return this.offset;
    const late = this.context.outputLatency || 0;
    const heard = this.context.currentTime - this.startedAt - late;
    return Math.min(this.seconds, this.offset + Math.max(0, heard));
  }

  async play() {
    if (!this.buffers || this.playing) return;
    await this.context.resume();
    if (this.offset >= this.seconds - 0.01) this.offset = 0;
    this.gains = this.buffers.map(() => this.context.createGain());
    this.sources = this.buffers.map((buffer, i) => {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.gains[i]).connect(this.context.destination);
      return source;
    });
    this.levels().forEach((level, i) => (this.gains[i].gain.value = level));
    this.startedAt = this.context.currentTime + 0.02; // both begin at the same sample
    this.sources.forEach((source) => source.start(this.startedAt, this.offset));
    const [last] = this.sources;
    last.onended = () => {
      if (last !== this.sources[0]) return; // stopped, not ended
      this.sources = [];
      this.offset = 0;
      this.onChange();
    };
    this.onChange();
  }

  stop() {
    if (!this.playing) return;
    this.offset = this.position;
    const stopped = this.sources;
    this.sources = [];
    stopped.forEach((source) => source.stop());
    this.onChange();
  }

  async seek(seconds) {
    const { playing } = this;
    this.stop();
    this.offset = Math.max(0, Math.min(this.seconds ?? 0, seconds));
    if (playing) await this.play();
    this.onChange();
  }

  /** Set { before, strength, gainDb }, without a click. */
  set(sound) {
    this.sound = sound;
    if (!this.playing) return;
    this.levels().forEach((level, i) => {
      this.gains[i].gain.setTargetAtTime(level, this.context.currentTime, FADE_SECONDS);
    });
  }

  /** Levels of the dry and the denoised recording. */
  levels() {
    const { before, strength, gainDb } = this.sound;
    if (before) return [1, 0];
    const gain = 10 ** (gainDb / 20);
    return [(1 - strength) * gain, strength * gain];
  }
}
