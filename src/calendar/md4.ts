/** MD4 (RFC 1320) of some bytes: what NTLM makes of a password, and OpenSSL 3 no longer has. For nothing else. */
export function md4(bytes: Uint8Array): Buffer {
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const padded = Buffer.alloc(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  padded.writeUInt32LE((bytes.length * 8) >>> 0, padded.length - 8);
  padded.writeUInt32LE(Math.floor(bytes.length / 0x20000000), padded.length - 4);
  const state: [number, number, number, number] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let at = 0; at < padded.length; at += 64) {
    let [a, b, c, d] = state;
    for (const { f, sum, order, shifts } of ROUNDS) {
      for (let step = 0; step < 16; step++) {
        const turned = rotated((a + f(b, c, d) + padded.readUInt32LE(at + 4 * (order[step] ?? 0)) + sum) | 0, shifts[step % 4] ?? 0);
        [a, b, c, d] = [d, turned, b, c];
      }
    }
    state[0] = (state[0] + a) | 0;
    state[1] = (state[1] + b) | 0;
    state[2] = (state[2] + c) | 0;
    state[3] = (state[3] + d) | 0;
  }
  const digest = Buffer.alloc(16);
  state.forEach((word, index) => {
    digest.writeInt32LE(word | 0, index * 4);
  });
  return digest;
}

const ROUNDS: readonly { readonly f: (x: number, y: number, z: number) => number; readonly sum: number; readonly order: readonly number[]; readonly shifts: readonly number[] }[] = [
  { f: (x, y, z) => (x & y) | (~x & z), sum: 0, order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], shifts: [3, 7, 11, 19] },
  { f: (x, y, z) => (x & y) | (x & z) | (y & z), sum: 0x5a827999, order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], shifts: [3, 5, 9, 13] },
  { f: (x, y, z) => x ^ y ^ z, sum: 0x6ed9eba1, order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], shifts: [3, 9, 11, 15] },
];

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
