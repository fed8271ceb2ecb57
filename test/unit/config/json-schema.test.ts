import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { SERVER_DEFAULTS } from '../../../src/client/options.js';
import { entrySchema, listedEntrySchema } from '../../../src/config/entry.js';
import { configJsonSchema } from '../../../src/config/json-schema.js';

const schema = configJsonSchema();
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
const samples = readdirSync('test/fixtures/config').filter((name) => /\.jsonc?$/.test(name));

describe('the JSON Schema', () => {
  test.each(samples)('takes %s', (name) => {
    const valid = validate(
      parse(readFileSync(`test/fixtures/config/${name}`, 'utf8'), [], { allowTrailingComma: true }),
    );
    // The original service wrote null for what was not given, and editors are not to suggest that.
    if (name === 'original-service.json') return expect(validate.errors?.[0]?.message).toBeDefined();
    expect(validate.errors).toBeNull();
    expect(valid).toBe(true);
  });

  test.each([
    { mcpServers: { a: { url: 'https://x', heders: {} } } },
    { mcpServers: { a: { command: 7 } } },
    { mcpServers: { 'a b': { command: 'x' } } },
    { mcpServers: { a: { url: 'https://x', auth: { type: 'static' } } } },
    { mcpServers: { a: { url: 'https://x', retry: { attempts: 0 } } } },
    { mcpServers: { a: { url: 'https://x', retry: true } } },
    { servers: {}, other: 1 },
    [{ url: 'https://x' }],
    {},
    7,
  ])('refuses %j', (config) => {
    expect(validate(config)).toBe(false);
  });

  test('describes every key, and tells the defaults of the code', () => {
    const [byName, , listed] = schema.anyOf as [Form, Form, { items: Entry }];
    const entry = byName.properties.mcpServers.additionalProperties;
    for (const [name, { properties }] of Object.entries({ entry, listed: listed.items })) {
      const expected = name === 'entry' ? entrySchema : listedEntrySchema;
      expect(Object.keys(properties)).toEqual(Object.keys(expected.shape));
      for (const [key, { description }] of Object.entries(properties))
        expect(description, key).toMatch(/\.$/);
    }
    expect(entry.properties.callTimeoutMs?.default).toBe(SERVER_DEFAULTS.callTimeoutMs);
    expect(entry.properties.trustAnnotations?.default).toBe(false);
  });
});

interface Entry {
  properties: Record<string, { description?: string; default?: unknown }>;
}
interface Form {
  properties: { mcpServers: { additionalProperties: Entry } };
}
