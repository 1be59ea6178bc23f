// Who may import whom. The table is ARCHITECTURE.md's; the files at the top of src (main.ts, server.ts, features.ts …) may import everything and are imported by nobody below.

const FEATURES = ["calendar", "blf", "mailbox", "pickup", "forwarding", "sites", "trunks", "media", "guard", "messaging", "demo"];
const TIERS = [
  ["base"],
  ["config", "store", "sip", "documents", "dns"],
  ["admin", "directory", "phones", "agent", "proxy"],
  ["registrar", "dialog", "subscription"],
  ["presence"],
  FEATURES,
];
// Beyond the tiers below: what a folder may import of its own tier.
const SIBLINGS = { proxy: ["directory", "phones", "agent"], sip: ["dns"], registrar: ["subscription"] };

/** Folder → the folders of src that it may import. */
const MAY_IMPORT = Object.fromEntries(
  TIERS.flatMap((tier, level) => tier.map((folder) => [folder, [...TIERS.slice(0, level).flat(), ...(SIBLINGS[folder] ?? [])]])),
);

/** npm package → the one place that may import it (regular expressions on the path). */
const HOME = {
  "ws|sdp-transform": "^src/sip/",
  "dns-packet": "^src/dns/",
  "fast-xml-parser": "^src/documents/",
  "lmdb|ioredis": "^src/store/",
  "ical\\.js|ews-javascript-api|undici": "^src/calendar/",
  "fastify|@fastify/[^/]+|prom-client": "^src/admin/",
  yaml: "^src/config/",
  "pino": "^src/base/",
  "ipaddr\\.js": "^src/(config/address|proxy/authentication)\\.ts$",
  "commander": "^src/main\\.ts$",
};

const oneOf = (folders) => (folders.length === 0 ? "(?!)" : `(${folders.join("|")})`);

const unknownFolder = { path: "^src/[^/]+/", pathNot: `^src/${oneOf(TIERS.flat())}/` };

module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", from: { path: "^src/" }, to: { circular: true } },
    { name: "no-unresolved", severity: "error", from: { path: "^src/" }, to: { couldNotResolve: true } },
    { name: "no-tests-in-source", severity: "error", from: { path: "^src/" }, to: { path: "^(test|bench|scripts)/" } },
    // A file of an unknown folder may import, be imported, or stand alone.
    ...[{ from: unknownFolder, to: {} }, { from: {}, to: unknownFolder }, { from: { ...unknownFolder, orphan: true }, to: {} }].map((rule) => ({
      name: "known-folder",
      comment: "a new folder of src gets its place in the table first",
      severity: "error",
      ...rule,
    })),
    { name: "nothing-imports-the-top", severity: "error", from: { path: "^src/[^/]+/" }, to: { path: "^src/[^/]+\\.ts$" } },
    ...Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
      name: `layer-${folder}`,
      comment: `${folder} may import ${allowed.join(", ") || "nothing of ours"}`,
      severity: "error",
      from: { path: `^src/${folder}/` },
      to: { path: "^src/[^/]+/", pathNot: `^src/${oneOf([folder, ...allowed])}/` },
    })),
    ...Object.entries(HOME).map(([packages, home]) => ({
      name: `home-of-${packages.split("|")[0].replaceAll("\\", "")}`,
      comment: `only ${home} imports ${packages}`,
      severity: "error",
      from: { path: "^src/", pathNot: home },
      to: { path: `(^|/)node_modules/(@types/)?(${packages})(/|$)` },
    })),
    {
      name: "package-without-a-home",
      comment: "every npm package has one owning folder: name it in HOME",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypesNot: ["core"], path: "node_modules/", pathNot: `(^|/)node_modules/(@types/)?(${Object.keys(HOME).join("|")}|@types/node)(/|$)` },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"], extensions: [".ts", ".js", ".json"] },
  },
};
