// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of configurations
import fc from 'fast-check';
import { ConfigError } from 'mcp-fleet';
import { parseConfig } from 'mcp-fleet/config';
import { describe, expect, test } from 'vitest';
import { checkServerConfig, checkServerName } from '../../../src/client/options.js';
import { listedEntrySchema } from '../../../src/config/entry.js';
import { JsonText } from '../../../src/config/json-text.js';

const EVIL = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'toJSON'];
const KEYS = [...Object.keys(listedEntrySchema.shape), 'token', 'clientId', 'attempts', 'key', 'value'];
const VALUES = [
  'https://x.test/',
  'http',
  'stdio',
  'static',
  'client_credentials',
  'node',
  'a b',
  '${A}',
  '${',
];

const { tie: json } = fc.letrec((tie) => ({
  tie: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...VALUES, null, true, false, 0, -1, 1.5, 1e9, Number.NaN),
    fc.string(),
    fc.array(tie('tie'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...KEYS, ...EVIL), tie('tie')), { maxLength: 5 })
      // As JSON.parse does: a key of its own, whatever its name.
      .map((entries) => {
        const made = {};
        for (const [key, value] of entries)
          Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
        return made;
      }),
  ),
}));
const servers = fc.dictionary(fc.oneof(fc.constantFrom('a', 'b-1', ...EVIL), fc.string()), json, {
  maxKeys: 3,
});
const forms = fc.oneof(
  servers.map((mcpServers) => ({ mcpServers })),
  servers.map((all) => ({ servers: all, inputs: [] })),
  fc.array(json, { maxLength: 3 }),
  json,
  fc.anything({
    withMap: true,
    withDate: true,
    withBigInt: true,
    withNullPrototype: true,
    withSparseArray: true,
  }),
);

const PROTOTYPE = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));

function check(input: unknown): 'taken' | 'refused' {
  try {
    for (const [name, config] of Object.entries(parseConfig(input, { env: { A: 'a' } }))) {
      checkServerName(name, 'name');
      checkServerConfig(config);
    }
    return 'taken';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).not.toContain('Unexpected');
    return 'refused';
  } finally {
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(PROTOTYPE);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  }
}

describe('parseConfig', () => {
  test('gives servers that can be used, or throws a ConfigError, whatever it gets', () => {
    const outcomes = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(forms, (input) => {
        outcomes[check(input)] += 1;
      }),
      { numRuns: 5_000 },
    );
    // Both were met, so that neither branch went untested.
    expect(outcomes.taken).toBeGreaterThan(50);
    expect(outcomes.refused).toBeGreaterThan(500);
  });

  test('refuses getters that throw, revoked proxies and cycles with a ConfigError', () => {
    const cyclic: Record<string, unknown> = { command: 'x' };
    cyclic.env = cyclic;
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = Object.defineProperty({}, 'url', {
      enumerable: true,
      get: () => {
        throw new Error('canary');
      },
    });
    for (const entry of [cyclic, proxy, throwing]) {
      for (const input of [entry, { mcpServers: { a: entry } }, [entry], [{ name: 'a', auth: entry }]])
        expect(check(input)).toBe('refused');
    }
  });
});

test('a text is JSON with a place for each fault, or refused with a ConfigError', () => {
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .array(fc.constantFrom(...'{}[],:"/*\\\n0a '.split(''), '"mcpServers"', '__proto__'))
      .map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, fc.string(), (content, path) => {
      try {
        expect(new JsonText(content).placeOf(path)).toMatch(/^line \d+, column \d+$/);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }),
    { numRuns: 3_000 },
  );
});
