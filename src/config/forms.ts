import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { SERVER_NAME } from '../client/options.js';
import { plainSettings } from '../client/server-schema.js';
import { ConfigError } from '../core/errors.js';
import { nearest } from '../core/nearest.js';
import { entrySchema, listedEntrySchema } from './entry.js';
import { isPlain } from './references.js';

const byName = z.record(z.string().regex(SERVER_NAME), entrySchema).describe('Servers by name.');
const $schema = z.string().optional();

/** The forms that a configuration can have. */
export const configSchema = z.union([
  // These files hold the other settings of their application, too.
  z.looseObject({ $schema, mcpServers: byName }),
  z.strictObject({
    $schema,
    servers: byName,
    inputs: z
      .unknown()
      .optional()
      .describe('What VS Code asks its user; give the answers as `env["input:id"]`.'),
  }),
  z.array(listedEntrySchema),
]);

/** An entry that is still to be checked. */
export interface WrittenEntry {
  readonly name: unknown;
  /** Where the name stands, which is the same as `path` where it is a key. */
  readonly namePath: string;
  readonly path: string;
  readonly written: unknown;
  readonly schema: typeof entrySchema | typeof listedEntrySchema;
}

/** @throws {ConfigError} for what has none of the forms. */
export function entriesOf(input: unknown): WrittenEntry[] {
  if (Array.isArray(input)) {
    return Array.from(input as unknown[], (written, index) => ({
      name: isPlain(written) ? written.name : undefined,
      namePath: `${index}.name`,
      path: String(index),
      written,
      schema: listedEntrySchema,
    }));
  }
  if (!isPlain(input)) {
    const hint = typeof input === 'string' ? '; a text is to be parsed first' : '';
    throw new ConfigError(
      '',
      `expected { mcpServers }, { servers } or an array, got ${kindOf(input)}${hint}`,
    );
  }
  const form = formOf(input);
  const servers = input[form];
  if (!isPlain(servers))
    throw new ConfigError(form, `expected an object of servers by name, got ${kindOf(servers)}`);
  return Object.entries(servers).map(([name, written]) => {
    const path = `${form}.${name.slice(0, 80)}`;
    return { name, namePath: path, path, written, schema: entrySchema };
  });
}

function formOf(input: Record<string, unknown>): 'mcpServers' | 'servers' {
  const keys = Object.keys(input);
  const [form, second] = (['mcpServers', 'servers'] as const).filter((name) => keys.includes(name));
  if (second !== undefined) throw new ConfigError(second, `cannot be used together with ${form}`);
  const others = keys.filter((key) => key !== form && key !== '$schema');
  const near = others.find((key) => ['mcpServers', 'servers'].some((name) => distance(key, name) <= 2));
  if (near !== undefined)
    throw new ConfigError(near, `is not known; did you mean ${nearest(near, ['mcpServers', 'servers'])[0]}?`);
  if (form === undefined)
    throw new ConfigError('', 'expected { mcpServers }, { servers } or an array, and found none of them');
  const setting = others.find((key) => Object.hasOwn(plainSettings, key));
  if (setting !== undefined)
    throw new ConfigError(setting, 'is an option of a server, and belongs into its entry');
  const unknown = form === 'servers' ? others.find((key) => key !== 'inputs') : undefined;
  if (unknown !== undefined)
    throw new ConfigError(
      unknown,
      `is not known; did you mean ${nearest(unknown, ['servers', 'inputs'])[0]}?`,
    );
  return form;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return value === null ? 'null' : 'nothing';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object of a class' : `a ${typeof value}`;
}
