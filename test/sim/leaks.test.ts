import { expect, test } from "vitest";
import { Office } from "./office.ts";

const CALLS = 10_000;
const SEED = 7;

test(`after ${CALLS} calls nothing of them is left: no transaction, text, call, nor timer but those of registrations and subscriptions`, { timeout: 120_000 }, async () => {
  const users = ["300", "301"];
  const office = await Office.open(SEED, users, { loss: 0.01, duplicate: 0.01, delayMs: [1, 5] });
  const { clock, random, server } = office;
  const [caller, callee] = [await office.phone("300", "10.0.2.1"), await office.phone("301", "10.0.2.2", "tcp")];
  for (const phone of office.phones) phone.register(86_400);
  clock.advance(5000);
  caller.subscribe("301", "dialog", 86_400);
  clock.advance(40_000);
  const timersBefore = server.wheel.count;
  callee.onRing = (call) => {
    callee.ring(call);
    const choice = random.below(4);
    if (choice < 2) callee.answer(call);
    else if (choice === 2) callee.reject(call, 486);
  };
  let busiest = 0;
  let talked = 0;
  for (let round = 0; round < CALLS / 10; round++) {
    for (let index = 0; index < 10; index++) {
      const call = caller.call("301");
      clock.after(500 + random.below(1500), () => {
        caller.hangUp(call);
      });
    }
    clock.advance(1000);
    busiest = Math.max(busiest, server.layer.table.count);
    for (const phone of office.phones) for (const [key, call] of phone.calls) {
      if (call.isAcknowledged) talked++;
      if (call.state === "ended") phone.calls.delete(key);
    }
  }
  clock.advance(60_000);
  for (const phone of office.phones) for (const call of phone.calls.values()) phone.hangUp(call);
  clock.advance(240_000);
  const { table } = server.layer;
  const says = `seed ${SEED}`;
  expect([busiest > 100, talked > CALLS / 4], `${busiest} at once, ${talked} talked, ${says}`).toEqual([true, true]);
  expect({ transactions: table.count, texts: table.textCount, calls: server.dialogs.calls(), timers: server.wheel.count }, says).toEqual({ transactions: 0, texts: 0, calls: [], timers: timersBefore });
  expect(office.phones.map((phone) => phone.transactions), says).toEqual([0, 0]);
  expect([office.errors, office.phones.flatMap((phone) => phone.complaints)], says).toEqual([[], []]);
  expect(table.textBytes, says).toBeLessThan(64 << 20);
});
