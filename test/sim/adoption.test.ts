import { expect, test } from "vitest";
import { Office } from "./office.ts";
import { lampOf } from "./truth.ts";

const CALM = { loss: 0, duplicate: 0, reorder: 0, delayMs: [1, 5] } as const;
const SEEDS = 20;

test(`a call whose record a power cut took is on the lamps again with the first request within it, and off them with its end (${String(SEEDS)} seeds)`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const what = `seed ${String(seed)}`;
    const office = await Office.open(seed, ["101", "102", "103"], CALM);
    const { clock } = office;
    const alice = await office.phone("101", "10.1.0.1");
    const bob = await office.phone("102", "10.1.0.2");
    const carol = await office.phone("103", "10.1.0.3");
    for (const phone of [alice, bob, carol]) phone.register(3600);
    clock.advance(2000);
    for (const user of ["101", "102"]) carol.subscribe(user, "dialog", 900, () => undefined);
    clock.advance(2000);
    const lamps = (): readonly string[] => ["101", "102"].map((user) => lampOf(carol.watched.get(`dialog ${user}`)?.body ?? ""));
    bob.onRing = (call) => {
      bob.ring(call);
      clock.after(1000, () => {
        bob.answer(call);
      });
    };
    office.loseDialogs();
    const call = alice.call("102");
    clock.advance(5000);
    expect(lamps(), what).toEqual(["talking", "talking"]);
    await office.crash();
    clock.advance(20_000);
    // The phones talk on; the server says what it knows: nothing.
    expect([call.state, bob.calls.get(call.callId)?.state, lamps(), office.server.dialogs.adopted], what).toEqual(["talking", "talking", ["dark", "dark"], 0]);
    alice.hold(call, true);
    clock.advance(5000);
    expect([lamps(), office.server.dialogs.adopted], what).toEqual([["talking", "talking"], 1]);
    alice.hold(call, false);
    clock.advance(5000);
    // Now it is written down: it outlives the next crash.
    await office.crash();
    clock.advance(20_000);
    expect([lamps(), office.server.dialogs.calls().length], what).toEqual([["talking", "talking"], 1]);
    alice.hangUp(call);
    clock.advance(5000);
    expect([lamps(), office.server.dialogs.calls().length, office.errors, alice.complaints, bob.complaints], what).toEqual([["dark", "dark"], 0, [], [], []]);
    await office.server.stop();
  }
});
