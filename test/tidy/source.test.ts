import { describe, expect, test } from "vitest";
import ts from "typescript";
import { linesMatching, textOf, typescriptFiles } from "./repository.ts";

const source = typescriptFiles("src");

describe("source", () => {
  test("only base/clock.ts reads the time or starts a timer", () => {
    const others = source.filter((path) => path !== "src/base/clock.ts");
    expect(usesOf(others, /^(Date\.now|performance\.(now|timeOrigin)|process\.hrtime|setTimeout|setInterval)$/)).toEqual([]);
    expect(newDates(others)).toEqual([]);
  });

  test("only base/random.ts draws random numbers", () => {
    const others = source.filter((path) => path !== "src/base/random.ts");
    expect(usesOf(others, /^(Math\.random|randomBytes|randomInt|randomUUID|crypto\.(randomUUID|getRandomValues))$/)).toEqual([]);
  });

  test("only programs touch process", () => {
    const others = source.filter((path) => !["src/main.ts", "src/calendar/calendar-program.ts"].includes(path));
    expect(usesOf(others, /^process\./)).toEqual([]);
    expect(linesMatching(others, /from "node:process"/)).toEqual([]);
  });

  test("exports have names, and nothing is exported from elsewhere", () => {
    expect(linesMatching(source, /^export (default\b|\*|(type )?\{[^}]*\} from\b)/)).toEqual([]);
  });

  test("every export says what it is for", () => {
    const silent = source.flatMap((path) => undocumentedExports(parsedFile(path)));
    expect(silent).toEqual([]);
  });

  test("open work is written TODO(#n):, and in no other form", () => {
    const all = typescriptFiles("src", "test", "bench").filter((path) => !path.startsWith("test/tidy/"));
    expect(linesMatching(all, /\b(FIXME|XXX|HACK)\b|\bTODO\b(?!\(#\d+\):)/)).toEqual([]);
  });

  test("no test is left out or alone", () => {
    const tests = typescriptFiles("test").filter((path) => !path.startsWith("test/tidy/"));
    expect(linesMatching(tests, /\b(test|describe|it)\.(only|skip|todo)\b/)).toEqual([]);
  });
});

describe("these checks", () => {
  test("see through a comment and a text, and find the real thing", () => {
    const text = 'const a = "Date.now()"; // Date.now()\nconst b = Date.now();\nconst c = clock.setTimeout(b);\nsetTimeout(a, 1);';
    expect(namesUsed(parsed("x.ts", text)).map(({ name, line }) => `${String(line)} ${name}`)).toEqual(expect.arrayContaining(["2 Date.now", "4 setTimeout"]));
    expect(namesUsed(parsed("x.ts", text)).filter(({ name }) => name === "Date.now" || name === "setTimeout")).toHaveLength(2);
  });

  test("take a variable of the file's own for what it is", () => {
    const text = "function f(process: { stop(): void }): void {\n  process.stop();\n}";
    expect(namesUsed(parsed("x.ts", text)).filter(({ name }) => name.startsWith("process"))).toEqual([]);
  });

  test("miss no export without a comment", () => {
    const text = "/** Said. */\nexport const a = 1;\nexport type B = 1;\nexport function c(): void {}\n/** Said. */\nexport function d(x: string): void;\nexport function d(x: unknown): void {}";
    expect(undocumentedExports(parsed("x.ts", text))).toEqual(["x.ts:3: B", "x.ts:4: c"]);
  });
});

interface NameUse {
  readonly name: string;
  readonly line: number;
}

/** The global names and their members (`Date.now`, `setTimeout`) that a text uses; a property of something else does not count. */
function namesUsed(file: ts.SourceFile): readonly NameUse[] {
  const uses: NameUse[] = [];
  const ownNames = declaredNames(file);
  const note = (node: ts.Node, name: string): void => {
    uses.push({ name, line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && ownNames.has(node.text)) return;
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && !ownNames.has(node.expression.text)) note(node, `${node.expression.text}.${node.name.text}`);
    else if (ts.isIdentifier(node) && isFree(node)) note(node, node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return uses;
}

/** Names of the file's own variables and parameters: they hide a global of the same name. */
function declaredNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if ((ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

function isFree(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return ts.isCallExpression(parent) || ts.isImportSpecifier(parent) || (ts.isPropertyAssignment(parent) && parent.initializer === node) || ts.isVariableDeclaration(parent);
}

function parsed(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

const parsedFiles = new Map<string, ts.SourceFile>();

function parsedFile(path: string): ts.SourceFile {
  const file = parsedFiles.get(path) ?? parsed(path, textOf(path));
  parsedFiles.set(path, file);
  return file;
}

function usesOf(paths: readonly string[], pattern: RegExp): readonly string[] {
  return paths.flatMap((path) => namesUsed(parsedFile(path)).flatMap(({ name, line }) => (pattern.test(name) ? [`${path}:${String(line)}: ${name}`] : [])));
}

function newDates(paths: readonly string[]): readonly string[] {
  return linesMatching(paths, /\bnew Date\(\s*\)/);
}

function undocumentedExports(file: ts.SourceFile): readonly string[] {
  const documented = new Set<string>();
  const silent: string[] = [];
  for (const statement of file.statements) {
    if (!ts.canHaveModifiers(statement) || ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) !== true) continue;
    const names = namesOf(statement);
    const isDocumented = ts.getJSDocCommentsAndTags(statement).length > 0;
    for (const name of names) {
      if (isDocumented) documented.add(name);
      else if (!documented.has(name)) silent.push(`${file.fileName}:${String(file.getLineAndCharacterOfPosition(statement.getStart(file)).line + 1)}: ${name}`);
    }
  }
  return silent;
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return [statement.name?.text ?? "default"];
  return [];
}
