// ZIP archives without compression, for recordings.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const MOST_BYTES = 0xffffffff; // more would need ZIP64

function crc32(bytes) {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Collects files, one after the other, and returns them as one Blob. */
export class ZipWriter {
  constructor() {
    this.parts = [];
    this.entries = [];
    this.size = 0;
  }

  async add(name, blob) {
    const encoded = new TextEncoder().encode(name);
    const checksum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const offset = this.size;
    const entry = { encoded, checksum, offset, size: blob.size };
    const header = record(30, 0x04034b50, (view) => writeCommon(view, 4, entry));
    this.entries.push(entry);
    this.parts.push(header, encoded, blob);
    this.size += header.length + encoded.length + blob.size;
    if (this.size > MOST_BYTES) throw new Error("the archive would exceed 4 GB: download the files one by one");
  }

  finish() {
    const directory = [];
    for (const entry of this.entries) {
      const header = record(46, 0x02014b50, (view) => {
        view.setUint16(4, 20, true);
        writeCommon(view, 6, entry);
        view.setUint32(42, entry.offset, true);
      });
      directory.push(header, entry.encoded);
    }
    const size = directory.reduce((sum, part) => sum + part.length, 0);
    const end = record(22, 0x06054b50, (view) => {
      view.setUint16(8, this.entries.length, true);
      view.setUint16(10, this.entries.length, true);
      view.setUint32(12, size, true);
      view.setUint32(16, this.size, true);
    });
    return new Blob([...this.parts, ...directory, end], { type: "application/zip" });
  }
}

function record(length, signature, write) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  write(view);
  return bytes;
}

function writeCommon(view, place, { encoded, checksum, size }) {
  const now = new Date();
  view.setUint16(place, 20, true); // version that can read it
  view.setUint16(place + 2, 0x0800, true); // names are UTF-8
  view.setUint16(place + 6, (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1), true);
  view.setUint16(place + 8, ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate(), true);
  view.setUint32(place + 10, checksum, true);
  view.setUint32(place + 14, size, true);
  view.setUint32(place + 18, size, true);
  view.setUint16(place + 22, encoded.length, true);
}
