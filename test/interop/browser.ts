import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { webOf, type Web } from "../../src/web.ts";
import { Stage } from "../flows/stage.ts";

export const TOKEN = "the-token-of-the-pages";

/** A whole server with its pages, and Debian's chromium looking at them. */
export interface Office {
  readonly stage: Stage;
  url(): string;
  /** Stops the server and its pages, waits for `meanwhile`, and starts them again: same ports, same store. */
  restart(meanwhile: () => Promise<unknown>): Promise<void>;
  /** A browser of its own that has not signed in. */
  open(settings?: { readonly width?: number; readonly height?: number; readonly scheme?: "light" | "dark"; readonly path?: string }): Promise<Look>;
}

/** One page in one browser. */
export interface Look {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of. */
  readonly complaints: string[];
}

/** Starts it; it ends with the test. */
export async function office(people?: string): Promise<Office> {
  const stage = await Stage.start(people === undefined ? {} : { people });
  let port = 0;
  const start = async (): Promise<Web> => {
    const web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port, auth: "token", token: TOKEN, eventStreamsMax: 20 } }, stage.server, {
      clock: systemClock,
      random: systemRandom(),
      log: silentLog,
      transports: stage.transports,
      store: stage.store,
    });
    await web.start();
    port = Number(new URL(web.url).port);
    return web;
  };
  let web = await start();
  const browser: Browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  onTestFinished(async () => {
    await browser.close();
    await web.stop();
    await stage.stop();
  });
  return {
    stage,
    url: () => web.url,
    async restart(meanwhile) {
      await web.stop();
      await meanwhile();
      await stage.restart();
      web = await start();
    },
    async open({ width = 1280, height = 800, scheme = "light", path = "/" } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(web.url + path);
      return { page, context, complaints };
    },
  };
}

/** Signs in with the token and waits for the tiles. */
export async function signedIn({ page }: Look, tile = ".tile[data-aor]"): Promise<void> {
  await page.fill("#token", TOKEN);
  await page.click("button[type=submit]");
  await page.waitForSelector(tile);
}

/** The selector of a person's tile. */
export function tileOf(aor: string): string {
  return `.tile[data-aor="${aor}"]`;
}
