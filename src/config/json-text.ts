import {
  createScanner,
  findNodeAtLocation,
  getNodePath,
  getNodeValue,
  type Node,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { ConfigError } from '../core/errors.js';

/** The parser calls itself for each level. */
const DEEPEST = 100;

/** JSON with comments and trailing commas, which can say where its values stand. */
export class JsonText {
  readonly #text: string;
  readonly #root: Node;

  /** @throws {ConfigError} for what is no JSON, with line and column and nothing of the text. */
  constructor(text: string) {
    this.#text = text;
    if (createScanner(text, true).scan() === END_OF_FILE) throw new ConfigError('', 'is empty');
    this.#refuseDepth();
    const errors: { error: number; offset: number }[] = [];
    const root = parseTree(text, errors as never, { allowTrailingComma: true });
    const [first] = errors;
    if (first !== undefined) {
      const what = printParseErrorCode(first.error).replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`);
      throw new ConfigError('', `is not JSON (${what.toLowerCase()}) at ${this.#placeAt(first.offset)}`);
    }
    // Without errors there is a value.
    this.#root = root as Node;
    this.#refuseDuplicates(this.#root);
  }

  /** Its objects have no prototype, so that no key means anything to them. */
  get value(): unknown {
    return getNodeValue(this.#root);
  }

  /** Where a value stands, or the nearest one around it: `line 3, column 5`. */
  placeOf(path: string): string {
    let keys = path === '' ? [] : path.split('.');
    let node = findNodeAtLocation(this.#root, keys.map(segment));
    while (node === undefined && keys.length > 0) {
      keys = keys.slice(0, -1);
      node = findNodeAtLocation(this.#root, keys.map(segment));
    }
    const { offset } = node?.parent?.type === 'property' ? node.parent : (node ?? this.#root);
    return this.#placeAt(offset);
  }

  #placeAt(offset: number): string {
    const before = this.#text.slice(0, offset).split(/\r\n|\r|\n/);
    return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  }

  #refuseDepth(): void {
    const scanner = createScanner(this.#text, true);
    let depth = 0;
    for (let token = scanner.scan(); scanner.getTokenLength() > 0; token = scanner.scan()) {
      const bracket = this.#text[scanner.getTokenOffset()] as string;
      if ('{['.includes(bracket)) depth += 1;
      if ('}]'.includes(bracket)) depth -= 1;
      if (depth > DEEPEST)
        throw new ConfigError('', `is nested too deeply at ${this.#placeAt(scanner.getTokenOffset())}`);
      if (token === END_OF_FILE) return;
    }
  }

  /** Of two values of the same name one would be lost without a word. */
  #refuseDuplicates(node: Node): void {
    const seen = new Set<unknown>();
    for (const child of node.children ?? []) {
      const [key] = child.type === 'property' ? (child.children ?? []) : [];
      if (key !== undefined && seen.has(key.value)) {
        const path = [...getNodePath(node), key.value].join('.');
        throw new ConfigError(path, `is there twice, the second time at ${this.#placeAt(key.offset)}`);
      }
      seen.add(key?.value ?? child);
      this.#refuseDuplicates(child);
    }
  }
}

/** `SyntaxKind.EOF`, which is a const enum. */
const END_OF_FILE = 17;

function segment(key: string): string | number {
  return /^\d+$/.test(key) ? Number(key) : key;
}
