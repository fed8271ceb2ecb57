import { z } from 'zod';
import { SERVER_DEFAULTS } from '../client/options.js';
import { configSchema } from './forms.js';

/** `mcp-fleet/config.schema.json`, made from what validates. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema, path }) => {
      const key = String(path.at(-1));
      // In an entry, not inside of one of its policies.
      if (path.at(-2) !== 'properties' || !('description' in jsonSchema)) return;
      const value = (SERVER_DEFAULTS as Readonly<Record<string, unknown>>)[key];
      if (typeof value === 'number' || typeof value === 'boolean') jsonSchema.default = value;
    },
  });
  return { $schema, title: 'MCP servers, as mcp-fleet reads them', ...schema };
}
