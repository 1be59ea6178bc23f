// Builds the pages of web/ into dist/web: every file but the HTML is named by its content, and nothing is loaded from elsewhere.
import { fileURLToPath } from "node:url";
import { build } from "vite";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Builds them; throws what is wrong. */
export async function buildPages() {
  await build({
    configFile: false,
    root: at("web"),
    base: "./",
    logLevel: "warn",
    build: {
      outDir: at("dist/web"),
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { input: [at("web/index.html"), at("web/phones.html")], checks: { pluginTimings: false } },
    },
  });
}
