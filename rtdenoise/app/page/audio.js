// Recordings from files: decoded by the browser, at 48 kHz.

const RATE = 48000;
const MOST_MINUTES = 30; // half an hour of stereo takes 2 GB while it is denoised
const MOST_CHANNELS = 8;

/** Return the channels of a file as Float32Arrays at 48 kHz. Throws an Error that says why not. */
export async function decodeFile(file, maxBytes) {
  checkSize(file, maxBytes);
  const seconds = await durationOf(file);
  if (seconds > MOST_MINUTES * 60) {
    throw new Error(
      `it lasts ${Math.round(seconds / 60)} minutes, and the page takes at most ${MOST_MINUTES}: ` +
        "cut it, or use `rtdenoise file`, which takes any length",
    );
  }
  return decode(await file.arrayBuffer());
}

function checkSize(file, maxBytes) {
  if (!file.size) throw new Error("the file is empty");
  if (file.size > maxBytes) {
    throw new Error(
      `it has ${megabytes(file.size)} MB, and the page takes at most ${megabytes(maxBytes)} MB: ` +
        "use `rtdenoise file`, or start `rtdenoise app` with a larger --max-size",
    );
  }
}

export function megabytes(bytes) {
  const value = bytes / 1e6;
  return value < 10 ? value.toFixed(value < 0.1 ? 3 : 1) : String(Math.round(value));
}

async function decode(bytes) {
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  } catch {
    throw new Error("this browser cannot decode it: WAV, FLAC, MP3, M4A and Ogg are usual formats");
  }
  if (buffer.numberOfChannels > MOST_CHANNELS) {
    throw new Error(`it has ${buffer.numberOfChannels} channels, and at most ${MOST_CHANNELS} are possible`);
  }
  if (!buffer.length) throw new Error("there is no sound in it");
  return Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c));
}

/** Return the seconds that a file lasts, from its header, or 0 if the browser cannot tell. */
function durationOf(file) {
  const url = URL.createObjectURL(file);
  const element = document.createElement("audio");
  return new Promise((resolve) => {
    const finish = () => {
      const { duration } = element;
      element.removeAttribute("src");
      URL.revokeObjectURL(url);
      resolve(Number.isFinite(duration) ? duration : 0);
    };
    element.onloadedmetadata = finish;
    element.onerror = finish;
    setTimeout(finish, 5000);
    element.preload = "metadata";
    element.src = url;
  });
}

/** Return denoised and dry channels mixed, with the level set: what one hears and downloads. */
export function mixed(dry, wet, { strength, gainDb }) {
  const gain = 10 ** (gainDb / 20);
  const weight = 1 - strength;
  return wet.map((denoised, c) => {
    const out = new Float32Array(denoised.length);
    for (let i = 0; i < out.length; i++) out[i] = (denoised[i] + weight * (dry[c][i] - denoised[i])) * gain;
    return out;
  });
}
