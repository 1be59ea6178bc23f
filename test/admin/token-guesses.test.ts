import { describe, expect, test } from "vitest";
import { guessersMax, guessesPerMinute, tokenGuesses } from "../../src/admin/token-guesses.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("wrong tokens", () => {
  test("are looked at ten times, then one each six seconds, and all of them again after a quiet minute", () => {
    const clock = new FakeClock();
    const guesses = tokenGuesses(clock);
    for (let n = 0; n < guessesPerMinute; n++) {
      expect(guesses.waitSeconds("192.0.2.1"), `guess ${String(n)}`).toBe(0);
      guesses.failed("192.0.2.1");
    }
    expect(guesses.waitSeconds("192.0.2.1")).toBe(6);
    clock.advance(6000);
    expect(guesses.waitSeconds("192.0.2.1")).toBe(0);
    guesses.failed("192.0.2.1");
    expect(guesses.waitSeconds("192.0.2.1")).toBe(6);
    clock.advance(60_000);
    for (let n = 0; n < guessesPerMinute; n++) guesses.failed("192.0.2.1");
    expect(guesses.waitSeconds("192.0.2.1")).toBe(6);
  });

  test("hold up their own address alone; an IPv6 network counts as one, a mapped IPv4 address as IPv4", () => {
    const guesses = tokenGuesses(new FakeClock());
    for (let n = 0; n < guessesPerMinute; n++) guesses.failed(n % 2 === 0 ? "2001:db8::1" : "2001:db8:0:0:ffff::2");
    for (let n = 0; n < guessesPerMinute; n++) guesses.failed("::ffff:192.0.2.1");
    expect(guesses.waitSeconds("2001:db8::99")).toBeGreaterThan(0);
    expect(guesses.waitSeconds("2001:db8:0:1::99")).toBe(0);
    expect(guesses.waitSeconds("192.0.2.1")).toBeGreaterThan(0);
    expect(guesses.waitSeconds("192.0.2.2")).toBe(0);
  });

  test("are remembered of a bounded number of addresses; the one that guessed longest ago goes first", () => {
    const guesses = tokenGuesses(new FakeClock());
    for (let n = 0; n < guessesPerMinute; n++) guesses.failed("192.0.2.1");
    for (let n = 0; n < guessersMax - 1; n++) guesses.failed(`10.${String(n >> 16)}.${String((n >> 8) & 255)}.${String(n & 255)}`);
    expect(guesses.waitSeconds("192.0.2.1")).toBeGreaterThan(0);
    guesses.failed("192.0.2.200");
    expect(guesses.waitSeconds("192.0.2.1")).toBe(0);
  });
});
