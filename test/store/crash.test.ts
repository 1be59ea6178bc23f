import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { buildDisk, Disk } from "./disk.ts";
import { expectKept } from "./kept.ts";

let disk = new Disk();
beforeAll(async () => {
  await buildDisk();
});
afterEach(() => {
  disk.end();
  disk = new Disk();
});
afterAll(() => {
  disk.end();
});

for (const [name, options, rounds] of [
  ["with the native journal", { isNative: true }, 30],
  ["without the native journal", { isNative: false }, 6],
  ["with full durability", { durability: "full" }, 6],
] as const) {
  test(`whatever was acknowledged is there after kill -9 at any moment, ${name}`, { timeout: 120_000 }, async () => {
    const seed = 20_261;
    const random = seededRandom(seed);
    for (let round = 0; round < rounds; round++) {
      const batch = 1 + random.below(40);
      const server = disk.server({ ...options, batch });
      const goal = 1 + random.below(round % 5 === 4 ? 6000 : 600);
      await server.until(() => server.said.acknowledged >= goal);
      await server.kill();
      const { acknowledged } = server.said;
      const store = await disk.open();
      // The server may have come a batch further than it could say.
      expectKept(store, acknowledged, acknowledged + 2 * batch, `seed ${String(seed)} round ${String(round)}`);
      for (const { key } of [...store.load("bindings")]) store.delete("bindings", key);
      await store.close();
      expect(server.said.refused).toBe(0);
    }
  });
}
