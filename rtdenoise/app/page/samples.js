// Samples in Float32Arrays.

/** Return arrays one after the other in one. */
export function joined(parts) {
  const out = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    out.set(part, place);
    place += part.length;
  }
  return out;
}
