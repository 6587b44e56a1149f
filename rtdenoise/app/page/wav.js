// WAV files of 16 or 24 bits.

/** Return { blob, clipped }: a WAV file, and the number of samples beyond full scale. */
export function encodeWav(channels, sampleRate, bits) {
  const bytes = bits / 8;
  const frames = channels[0].length;
  const size = frames * channels.length * bytes;
  const data = new Uint8Array(44 + size + (size % 2));
  writeHeader(new DataView(data.buffer), channels.length, sampleRate, bits, size);
  const top = 2 ** (bits - 1);
  let place = 44;
  let clipped = 0;
  for (let i = 0; i < frames; i++) {
    for (const samples of channels) {
      let value = Math.round(samples[i] * top);
      if (value > top - 1 || value < -top) {
        if (Math.abs(samples[i]) > 1) clipped++;
        value = Math.max(-top, Math.min(top - 1, value));
      }
      for (let b = 0; b < bytes; b++) data[place++] = (value >> (8 * b)) & 255;
    }
  }
  return { blob: new Blob([data], { type: "audio/wav" }), clipped };
}

function writeHeader(view, channels, sampleRate, bits, size) {
  const text = (place, letters) => [...letters].forEach((c, i) => view.setUint8(place + i, c.charCodeAt(0)));
  const frame = (channels * bits) / 8;
  text(0, "RIFF");
  view.setUint32(4, 36 + size + (size % 2), true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, bits, true);
  text(36, "data");
  view.setUint32(40, size, true);
}
