import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { parseXml, XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_ELEMENTS_MAX, XML_SIZE_MAX, type XmlElement } from "../../src/documents/xml.ts";
import { bytesOf, escapeSipText, escapeXml, unicodeOf } from "../../src/documents/xml-text.ts";

const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const nested = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth);

describe("parseXml", () => {
  test("resolves namespaces, the default one too, and keeps attributes by the name they were written with", () => {
    const root = parseXml('<p xmlns="urn:one" xmlns:b="urn:two" xml:lang="fr" n="1"><b:c m="2"/><d xmlns="urn:three"><e/></d><f/></p>');
    const names = (element: XmlElement): unknown[] => [`${element.namespace}|${element.name}`, ...element.children.map(names)];
    expect(names(root)).toEqual(["urn:one|p", ["urn:two|c"], ["urn:three|d", ["urn:three|e"]], ["urn:one|f"]]);
    expect([...root.attributes]).toEqual([["xml:lang", "fr"], ["n", "1"]]);
    expect(root.children[0]?.attributes.get("m")).toBe("2");
  });

  test("an element whose prefix was never declared keeps it and is in no namespace", () => {
    expect(parseXml('<p xmlns="urn:one"><rpid:away/></p>').children[0]).toMatchObject({ name: "rpid:away", namespace: "" });
  });

  const texts: readonly (readonly [string, string, string])[] = [
    ["the five named references", "<a>&lt;&gt;&amp;&quot;&apos;</a>", "<>&\"'"],
    ["decimal and hexadecimal references", "<a>caf&#233; &#xe9;&#x1F600;</a>", "café é😀"],
    ["CDATA, whose references are text", "<a>x<![CDATA[<b>&amp;]]>y</a>", "x<b>&amp;y"],
    ["text around elements and comments", "<a> one <b/>two<!-- three --> four </a>", "one two four"],
    ["UTF-8", latin1("<a>Réunion</a>"), "Réunion"],
    ["UTF-8 with a byte order mark", latin1("\ufeff<?xml version='1.0'?><a>é</a>"), "é"],
    ["UTF-8 said in the declaration", latin1('<?xml version="1.0" encoding="utf-8"?><a>é</a>'), "é"],
    ["latin1 said in the declaration", '<?xml version="1.0" encoding="ISO-8859-1"?><a>caf\u00e9</a>', "café"],
    ["latin1 that nobody declared", "<a>caf\u00e9</a>", "café"],
    ["blank lines before the declaration", '\r\n\r\n<?xml version="1.0"?>\r\n<a>x</a>\r\n', "x"],
    ["a number that stays as it was written", "<a>0101</a>", "0101"],
    ["names of object properties", "<a><toString/>x</a>", "x"],
  ];
  test.each(texts)("reads %s", (_, body, text) => {
    expect(parseXml(body).text).toBe(text);
  });

  test("an attribute's line ends are spaces, its references are resolved", () => {
    expect(parseXml('<a b="x\ny&#10;&lt;" c=\'"\'/>').attributes).toEqual(new Map([["b", "x y\n<"], ["c", '"']]));
  });

  const bad: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["plain text", "hello"],
    ["an element that does not end", "<a><b>1</a>"],
    ["an element that does not end at all", "<a>"],
    ["two roots", "<a/><b/>"],
    ["two roots with content", "<a>1</a><b>2</b>"],
    ["text after the root", "<a/>x"],
    ["an attribute twice", '<a b="1" b="2"/>'],
    ["an attribute without quotes", "<a b=1/>"],
    ["an unknown entity", "<a>&eacute;</a>"],
    ["a bare ampersand", "<a>AT&T</a>"],
    ["a reference to NUL", "<a>&#0;</a>"],
    ["a reference to half a character", "<a>&#xD800;</a>"],
    ["a reference beyond Unicode", "<a>&#x110000;</a>"],
    ["NUL", "<a>\u0000</a>"],
    ["a control character", "<a>\u0007</a>"],
    ["UTF-16", "\u00fe\u00ff\u0000<\u0000a\u0000/\u0000>"],
    ["a DOCTYPE", "<!DOCTYPE a><a/>"],
    ["a DOCTYPE in small letters", "<!doctype a><a/>"],
    ["an entity that grows", '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'],
    ["an external entity", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
    ["an element named like the prototype", "<__proto__/>"],
    ["an element named constructor", "<a><constructor/></a>"],
    ["an open comment", "<a/><!-- "],
    ["an open CDATA", "<a><![CDATA[x</a>"],
    ["an open instruction", "<a/><?x "],
    ["too many elements", `<a>${"<b/>".repeat(XML_ELEMENTS_MAX)}</a>`],
    ["too many attributes", `<a>${'<b c="" d=""/>'.repeat(XML_ATTRIBUTES_MAX / 2 + 1)}</a>`],
    ["a flood of brackets", "<a>".repeat(20_000)],
    ["too deep nesting", nested(XML_DEPTH_MAX + 1)],
    ["too many bytes", `<a>${"x".repeat(XML_SIZE_MAX)}</a>`],
  ];
  test.each(bad)("refuses %s with a ParseError", (_, body) => {
    expect(() => parseXml(body)).toThrow(ParseError);
  });

  test("the bounds themselves are allowed", () => {
    expect(parseXml(nested(XML_DEPTH_MAX)).name).toBe("a");
    expect(parseXml(`<a>${"<b/>".repeat(XML_ELEMENTS_MAX - 1)}</a>`).children).toHaveLength(XML_ELEMENTS_MAX - 1);
    expect(parseXml(`<a>${"<b c='d'/>".repeat(XML_ATTRIBUTES_MAX - 1)}</a>`).children).toHaveLength(XML_ATTRIBUTES_MAX - 1);
    expect(parseXml(`<a>${"x".repeat(XML_SIZE_MAX - 7)}</a>`).text).toHaveLength(XML_SIZE_MAX - 7);
  });

  test("too large a body deserves 413, a malformed one 400", () => {
    const statusOf = (body: string): number => {
      try {
        parseXml(body);
        return 200;
      } catch (cause) {
        return cause instanceof ParseError ? cause.status : 500;
      }
    };
    expect([statusOf("<a/>"), statusOf("<a"), statusOf("x".repeat(XML_SIZE_MAX + 1))]).toEqual([200, 400, 413]);
  });

  // Shapes that are slow in a parser that backtracks.
  const slow: readonly (readonly [string, string])[] = [
    ["spaces in a tag", `<a${" ".repeat(60_000)}/>`],
    ["one long attribute name", `<a ${"b".repeat(60_000)}="1"/>`],
    ["very many attributes", `<a ${Array.from({ length: 1990 }, (_, index) => `b${index}="1"`).join(" ")}/>`],
    ["very many open quotes", `<a ${'b="'.repeat(20_000)}/>`],
    ["very many equals signs", `<a ${"=".repeat(60_000)}/>`],
    ["very many ampersands", `<a>${"&".repeat(60_000)}</a>`],
    ["very many references", `<a>${"&#65;".repeat(12_000)}</a>`],
    ["very many open comments", `<a>${"<!--".repeat(4000)}</a>`],
    ["very many open CDATA sections", `<a>${"<![CDATA[".repeat(4000)}</a>`],
    ["very many instructions", `<a>${"<?x ".repeat(4000)}</a>`],
    ["very many open tags on the way down", "<a b='1'>".repeat(4100)],
    ["a long tag name", `<${"a".repeat(60_000)}/>`],
    ["very many namespaces", `<a ${Array.from({ length: 1990 }, (_, index) => `xmlns:b${index}="urn:${index}"`).join(" ")}>${"<b/>".repeat(1900)}</a>`],
    ["namespaces on every element", `<a>${'<b xmlns:c="d"/>'.repeat(1900)}</a>`],
    ["namespaces on the root and on every element", `<a ${Array.from({ length: 900 }, (_, index) => `xmlns:b${index}="urn:${index}"`).join(" ")}>${'<b xmlns:c="d"/>'.repeat(1000)}</a>`],
    ["a long declaration", `<?xml ${"encoding ".repeat(7000)}?><a/>`],
  ];
  test.each(slow)("is quick with %s", (_, body) => {
    expect(body.length).toBeLessThanOrEqual(XML_SIZE_MAX);
    let took = Number.POSITIVE_INFINITY;
    // The machine may be busy: what backtracks is slow every time, by seconds.
    for (let attempt = 0; attempt < 10 && took >= 50; attempt++) {
      const start = performance.now();
      try {
        parseXml(body);
      } catch (cause) {
        if (!(cause instanceof ParseError)) throw cause;
      }
      took = performance.now() - start;
    }
    expect(took).toBeLessThan(50);
  });
});

describe("escapeXml", () => {
  test.each([
    ["plain", "plain"],
    [`<a> & "b" 'c'`, "&lt;a&gt; &amp; &quot;b&quot; &apos;c&apos;"],
    ["one\r\n\ttwo", "one&#13;&#10;&#9;two"],
    ["a\u0000b\u001bc\ufffed\ud800e\udc00f", "abcdef"],
    ["é😀", "é😀"],
  ])("%j becomes %j", (text, escaped) => {
    expect(escapeXml(text)).toBe(escaped);
  });

  test("what it writes is read back the same", () => {
    const text = `<x y="z">&amp;'\t\n\r é😀`;
    const root = parseXml(bytesOf(`<a b="${escapeXml(text)}">.${escapeXml(text)}.</a>`));
    expect([root.attributes.get("b"), root.text]).toEqual([text, `.${text}.`]);
  });
});

describe("SIP text", () => {
  test("UTF-8 bytes stay as they are, other bytes become UTF-8, markup is escaped in both", () => {
    expect(escapeSipText(latin1("Ren\u00e9e & co"))).toBe(latin1("Ren\u00e9e &amp; co"));
    expect(escapeSipText("Ren\u00e9e <1>")).toBe(latin1("Ren\u00e9e &lt;1&gt;"));
    expect(escapeSipText("\u0001Bob")).toBe("Bob");
  });

  test("bytes and Unicode map back and forth", () => {
    expect(unicodeOf(bytesOf("Zoë 😀"))).toBe("Zoë 😀");
    expect(unicodeOf("\u00eb")).toBe("ë");
  });
});
