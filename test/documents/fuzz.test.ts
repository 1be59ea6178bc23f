import { expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { parseDialogInfo } from "../../src/documents/dialog-info.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import { samples } from "./samples.ts";

const MUTATIONS_OF_EACH = 300;
const SLOWEST_MS = 50;
const morsels = ["<", ">", "/>", "</", "&", "&#", "&#x41;", "&lt;", '"', "'", "=", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<!DOCTYPE a>", "\u0000", "\u00ff", "\u00c3", " ", "\n", ":", "xmlns:a=", "<a>", "</a>", "x".repeat(300), "<a>".repeat(50), "<a/>".repeat(50)];

function mutated(body: string, random: Random): string {
  let text = body;
  for (let left = 1 + random.below(6); left > 0; left--) {
    const at = random.below(text.length + 1);
    const length = random.below(1 + random.below(60));
    const piece = text.slice(at, at + length);
    const elsewhere = random.below(text.length + 1);
    switch (random.below(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + (morsels[random.below(morsels.length)] ?? "") + text.slice(at);
        break;
      case 2:
        text = text.slice(0, elsewhere) + piece + text.slice(elsewhere);
        break;
      case 3:
        text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
        break;
      default:
        text = text.slice(0, at) + piece.repeat(1 + random.below(40)) + text.slice(at);
    }
  }
  return text;
}

test("mutated documents are read or refused with a ParseError, each at once", () => {
  const seed = 20261120;
  const random = seededRandom(seed);
  let read = 0;
  for (const [name, body] of samples) {
    const parse = name.includes("-pidf") ? parsePidf : parseDialogInfo;
    for (let round = 0; round < MUTATIONS_OF_EACH; round++) {
      const text = mutated(body, random);
      let took = SLOWEST_MS;
      // A slow one is tried again: the machine may have been busy, a slow parser is slow every time.
      for (let attempt = 0; attempt < 5 && took >= SLOWEST_MS; attempt++) {
        const start = performance.now();
        try {
          parse(text);
          if (attempt === 0) read++;
        } catch (cause) {
          if (!(cause instanceof ParseError)) throw new Error(`seed ${seed}, ${name}, round ${round}: ${JSON.stringify(text)}`, { cause });
        }
        took = performance.now() - start;
      }
      expect(took, `seed ${seed}, ${name}, round ${round} took ${took} ms: ${JSON.stringify(text)}`).toBeLessThan(SLOWEST_MS);
    }
  }
  // Were none or all of them readable, the mutations would test nothing.
  expect(read, `seed ${seed}`).toBeGreaterThan(samples.size);
  expect(read, `seed ${seed}`).toBeLessThan(samples.size * MUTATIONS_OF_EACH);
});
