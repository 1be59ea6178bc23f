import { fileURLToPath } from "node:url";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** Files that make branded or wide types out of checked text, and so may assert: parsers, and the few places where the platform's own types are too weak. */
const MAY_ASSERT = [
  "src/base/ids.ts",
  "src/base/timer-wheel.ts", // a typed array's constructor is not generic in the library's types
  "src/config/**",
  "src/documents/**",
  "web/api.ts", // what the server says has the shape that the API documents
  "src/sip/transport/websocket.ts", // the upgrade event hands out a Duplex that is always a Socket
];

const notDefault = { selector: "ExportDefaultDeclaration", message: "Named exports only: one name a thing, everywhere." };
const noEnum = { selector: "TSEnumDeclaration", message: "Use a union of strings." };
const nodePrefix = {
  selector: `ImportDeclaration[source.value=/^(${["assert", "buffer", "child_process", "crypto", "dgram", "dns", "events", "fs", "http", "https", "net", "os", "path", "process", "stream", "timers", "tls", "url", "util", "zlib"].join("|")})(\\u002f|$)/]`,
  message: "Write node: before a module of Node.",
};

export default defineConfig(
  { ignores: ["dist/", "coverage/", "node_modules/", "web/vendor/", "test/**/fixtures/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: fileURLToPath(new URL(".", import.meta.url)) } },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-console": "error",
      "no-restricted-syntax": ["error", notDefault, noEnum, nodePrefix],
      "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "never" }],
      "@typescript-eslint/consistent-type-imports": ["error", { prefer: "type-imports" }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "all" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Takes what a call may have changed (a field, a captured variable) for unchanged.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // Matters of taste.
      "@typescript-eslint/prefer-for-of": "off",
      "@typescript-eslint/prefer-optional-chain": "off",
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true, boolean: true } }],
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      "@typescript-eslint/class-literal-property-style": "off",
      "@typescript-eslint/consistent-indexed-object-style": "off",
      "@typescript-eslint/no-empty-function": ["error", { allow: ["arrowFunctions"] }],
    },
  },
  { files: MAY_ASSERT, rules: { "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "as", objectLiteralTypeAssertions: "allow" }], "@typescript-eslint/no-unnecessary-type-assertion": "off" } },
  {
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      "@typescript-eslint/consistent-type-assertions": "off",
      "@typescript-eslint/explicit-module-boundary-types": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-misused-spread": "off",
      "@typescript-eslint/require-await": "off",
      "no-console": "off",
    },
  },
  { files: ["src/main.ts"], rules: { "no-console": "off" } },
  { files: ["*.config.ts"], rules: { "no-restricted-syntax": "off" } },
);
