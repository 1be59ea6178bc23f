// Prints one line of JSON a case. `works/micro.mjs` bundles and starts it: it wants --expose-gc and a large new space.
import { documentCases } from "./document-cases.ts";
import { listCost } from "./list-cost.ts";
import { measure, measureSlowly } from "./measure.ts";
import { notifyCases } from "./notify-cases.ts";
import { sipCases } from "./sip-cases.ts";
import { storeCases } from "./store-cases.ts";

const wanted = process.argv.slice(2);
const isWanted = ({ name }: { readonly name: string }): boolean => wanted.length === 0 || wanted.some((part) => name.includes(part));
const print = (value: object): void => console.log(JSON.stringify(value));

for (const cases of [sipCases, documentCases, notifyCases]) {
  for (const one of cases().filter(isWanted)) print(measure(one));
}
if (wanted.length === 0 || wanted.some((part) => "at rest, list".includes(part))) for (const figures of listCost()) print(figures);
try {
  const store = await storeCases();
  for (const one of store.cases.filter(isWanted)) print(await measureSlowly(one));
  await store.close();
} catch (error) {
  // The other figures count without it.
  console.error(`the store's rows are missing: ${String(error)}`);
}
process.exit(0);
