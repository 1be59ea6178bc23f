/** Makes functions that find where the parts of a text stand and say whether it is plain: written so that they know it all (`native/scan.c`). */
export interface ScannerMaker {
  /** How long an array must be. */
  readonly words: number;
  scanner(words: Int32Array): (text: string) => boolean;
}

/** What is in use. */
export interface Scanning {
  readonly maker: ScannerMaker;
  /** For messages that are parsed once. */
  readonly words: Int32Array;
  readonly scan: (text: string) => boolean;
}

let scanning: Scanning | null = null;

/** What messages are scanned by; null for JavaScript alone. */
export function scanner(): Scanning | null {
  return scanning;
}

/** Has the messages that are made from now on be scanned by these; null for JavaScript alone, which finds the same. */
export function useScanner(maker: ScannerMaker | null): void {
  if (maker === null) scanning = null;
  else {
    const words = new Int32Array(maker.words);
    scanning = { maker, words, scan: maker.scanner(words) };
  }
}
