// Spectrograms: before above after, with logarithmic frequency and one colour scale for both.

const SIZE = 2048; // samples of a window at 48 kHz: 43 ms
const LOWEST = 60; // Hz
const HIGHEST = 20000;
const RANGE_DB = 80;
const LABELS = [100, 200, 500, 1000, 2000, 5000, 10000, 20000];
const COLOURS = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85],
  [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164],
];
const PALETTE = Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (COLOURS.length - 1);
  const first = Math.min(COLOURS.length - 2, Math.floor(place));
  return COLOURS[first].map((c, k) => Math.round(c + (place - first) * (COLOURS[first + 1][k] - c)));
});

/** Levels of one window by rows of a picture, the highest frequency first. */
export class Analyser {
  constructor(rows, sampleRate) {
    this.rows = rows;
    this.window = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
    this.cosine = Float32Array.from({ length: SIZE / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / SIZE));
    this.sine = Float32Array.from({ length: SIZE / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / SIZE));
    this.real = new Float32Array(SIZE);
    this.imaginary = new Float32Array(SIZE);
    this.power = new Float32Array(SIZE / 2 + 1);
    // The edges of the rows in bins.
    this.edges = Float32Array.from({ length: rows + 1 }, (_, r) => {
      return (HIGHEST * (LOWEST / HIGHEST) ** (r / rows) * SIZE) / sampleRate;
    });
  }

  /** Return dB below full scale of each row, for the window around frame `centre`. */
  column(samples, centre) {
    const start = Math.round(centre) - SIZE / 2;
    for (let i = 0; i < SIZE; i++) this.real[i] = (samples[start + i] ?? 0) * this.window[i];
    this.imaginary.fill(0);
    this.transform();
    for (let k = 0; k <= SIZE / 2; k++) this.power[k] = this.real[k] ** 2 + this.imaginary[k] ** 2;
    const levels = new Float32Array(this.rows);
    for (let r = 0; r < this.rows; r++) {
      levels[r] = 10 * Math.log10(this.between(this.edges[r + 1], this.edges[r]) * (4 / SIZE) ** 2 + 1e-14);
    }
    return levels;
  }

  /** The strongest bin between two edges; interpolated where the rows are finer than the bins. */
  between(low, high) {
    const middle = Math.min(SIZE / 2 - 1, (low + high) / 2);
    const bin = Math.floor(middle);
    let power = this.power[bin] + (middle - bin) * (this.power[bin + 1] - this.power[bin]);
    for (let k = Math.ceil(low); k <= Math.min(high, SIZE / 2); k++) power = Math.max(power, this.power[k]);
    return power;
  }

  /** Fourier transform in place (radix 2, Cooley and Tukey 1965). */
  transform() {
    const { real, imaginary, cosine, sine } = this;
    for (let i = 1, j = 0; i < SIZE; i++) {
      let bit = SIZE >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) [real[i], real[j]] = [real[j], real[i]]; // the input is real
    }
    for (let length = 2; length <= SIZE; length <<= 1) {
      const half = length / 2;
      const stride = SIZE / length;
      for (let start = 0; start < SIZE; start += length) {
        for (let k = 0; k < half; k++) {
          const a = start + k;
          const b = a + half;
          const c = cosine[k * stride];
          const s = sine[k * stride];
          const x = real[b] * c - imaginary[b] * s;
          const y = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - x;
          imaginary[b] = imaginary[a] - y;
          real[a] += x;
          imaginary[a] += y;
        }
      }
    }
  }
}

/** Two pictures above each other with axes; `onSeek` gets a place from 0 to 1. */
export class SpectrogramPair {
  constructor(place, captions, onSeek) {
    place.classList.add("spectrogram");
    this.pictures = element("div", "pictures", place);
    this.canvases = captions.map((caption) => this.addPicture(caption));
    const axes = element("div", "axes", place);
    axes.setAttribute("aria-hidden", "true");
    captions.forEach(() => addFrequencies(axes));
    this.playhead = element("div", "playhead", this.pictures);
    this.playhead.hidden = true;
    this.times = element("div", "times", place);
    this.times.setAttribute("aria-hidden", "true");
    addLegend(place);
    if (onSeek) {
      this.pictures.classList.add("seekable");
      this.pictures.addEventListener("pointerdown", (event) => {
        const box = this.pictures.getBoundingClientRect();
        onSeek(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
      });
    }
    this.turn = 0;
  }

  addPicture(caption) {
    const picture = element("div", "picture", this.pictures);
    const canvas = element("canvas", "", picture);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Spectrogram: ${caption.toLowerCase()}`);
    element("span", "caption", picture).textContent = caption;
    return canvas;
  }

  /** Mark the picture that is heard: 0 or 1. */
  mark(heard) {
    this.canvases.forEach((canvas, i) => canvas.parentElement.classList.toggle("heard", i === heard));
  }

  resize() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of this.canvases) {
      const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    }
    return this.canvases[0];
  }

  /** Draw whole recordings. Returns false if a later call ended this one. */
  async draw(recordings, sampleRate) {
    const turn = ++this.turn;
    const { width, height } = this.resize();
    this.showTimes(recordings[0].length / sampleRate);
    const analyser = new Analyser(height, sampleRate);
    let top = -Infinity;
    for (const [i, samples] of recordings.entries()) {
      const columns = [];
      for (let x = 0; x < width; x++) {
        columns.push(analyser.column(samples, ((x + 0.5) / width) * samples.length));
        if (x % 64 === 63) await new Promise((resolve) => setTimeout(resolve));
        if (turn !== this.turn) return false;
      }
      if (i === 0) top = Math.max(-60, columns.reduce((m, levels) => levels.reduce((a, b) => Math.max(a, b), m), top));
      paint(this.canvases[i].getContext("2d"), columns, 0, top);
    }
    return true;
  }

  /** Prepare for live columns. */
  startLive(sampleRate, seconds) {
    this.turn++;
    const { width, height } = this.resize();
    this.analyser = new Analyser(height, sampleRate);
    this.framesPerColumn = Math.max(1, Math.round((seconds * sampleRate) / width));
    this.live = this.canvases.map(() => ({ samples: new Float32Array(0), next: SIZE / 2 }));
    for (const canvas of this.canvases) canvas.getContext("2d").clearRect(0, 0, width, height);
    this.showTimes(seconds, true);
  }

  /** Move the pictures to the left and add new sound at the right. */
  push(recordings) {
    recordings.forEach((fresh, i) => {
      const state = this.live[i];
      const samples = new Float32Array(state.samples.length + fresh.length);
      samples.set(state.samples);
      samples.set(fresh, state.samples.length);
      const columns = [];
      while (state.next + SIZE / 2 <= samples.length) {
        columns.push(this.analyser.column(samples, state.next));
        state.next += this.framesPerColumn;
      }
      const used = Math.max(0, Math.min(samples.length, state.next - SIZE / 2));
      state.samples = samples.slice(used);
      state.next -= used;
      this.scroll(this.canvases[i], columns);
    });
  }

  scroll(canvas, columns) {
    if (!columns.length) return;
    const context = canvas.getContext("2d");
    const shift = Math.min(columns.length, canvas.width);
    context.drawImage(canvas, -shift, 0);
    paint(context, columns.slice(-shift), canvas.width - shift, -25);
  }

  showTimes(seconds, untilNow = false) {
    const steps = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200];
    const most = this.pictures.clientWidth < 500 ? 5 : 10;
    const step = steps.find((s) => seconds / s <= most) ?? 1800;
    this.times.replaceChildren();
    for (let t = 0; t <= seconds * 1.0001; t += step) {
      const label = element("span", "", this.times);
      label.textContent = untilNow ? (seconds - t < step / 2 ? "now" : `−${seconds - t} s`) : clock(t, step < 1);
      label.style.left = `${(100 * t) / seconds}%`;
      if (t / seconds > 0.97) label.classList.add("last");
    }
  }

  /** Show the place that is played, from 0 to 1, or none. */
  showPlace(place) {
    this.playhead.hidden = place === null;
    if (place !== null) this.playhead.style.left = `${100 * place}%`;
  }
}

export function clock(seconds, tenths = true) {
  const whole = Math.floor(seconds / 60);
  const rest = seconds - 60 * whole;
  return `${whole}:${tenths ? rest.toFixed(1).padStart(4, "0") : String(Math.floor(rest)).padStart(2, "0")}`;
}

function paint(context, columns, left, top) {
  const width = columns.length;
  const height = columns[0].length;
  const image = context.createImageData(width, height);
  columns.forEach((levels, x) => {
    for (let y = 0; y < height; y++) {
      const place = Math.max(0, Math.min(1, 1 + (levels[y] - top) / RANGE_DB));
      image.data.set(PALETTE[Math.round(255 * place)], 4 * (y * width + x));
      image.data[4 * (y * width + x) + 3] = 255;
    }
  });
  context.putImageData(image, left, 0);
}

function addFrequencies(axes) {
  const axis = element("div", "frequencies", axes);
  for (const frequency of LABELS) {
    const label = element("span", "", axis);
    label.textContent = frequency < 1000 ? `${frequency}` : `${frequency / 1000}k`;
    if (frequency === HIGHEST) label.textContent += " Hz";
    if (frequency === 10000) label.className = "tight"; // too near to 20k on small screens
    const place = Math.log(HIGHEST / frequency) / Math.log(HIGHEST / LOWEST);
    label.style.top = `${Math.min(95, Math.max(5, 100 * place))}%`;
  }
}

function addLegend(place) {
  const legend = element("div", "legend", place);
  legend.append(`−${RANGE_DB} dB`);
  const canvas = element("canvas", "", legend);
  canvas.setAttribute("aria-hidden", "true");
  Object.assign(canvas, { width: 256, height: 1 });
  const columns = PALETTE.map((_, i) => [(i / 255 - 1) * RANGE_DB]);
  paint(canvas.getContext("2d"), columns, 0, 0);
  legend.append("0 dB");
}

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.append(made);
  return made;
}
