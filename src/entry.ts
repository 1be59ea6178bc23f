import { neverCompactWhenIdle } from "./base/collector.ts";

// What node runs. V8 heeds the switch only before its first full collection, and loading the program makes one.
neverCompactWhenIdle();
await import("./main.ts");
