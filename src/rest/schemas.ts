import { z } from 'zod';
import { problemSchema } from './problem.js';

/** Parts that several routes share; each is a component of the OpenAPI document, under its name here. */

const NOT_EMPTY = 'expected a string that is not empty';
const OBJECT = 'expected an object';

export const text = z.string({ error: NOT_EMPTY }).min(1, { error: NOT_EMPTY });
export const serverName = text.describe('Name of a server');
/** JSON of the protocol, which passes as it is. */
export const json = z.record(z.string(), z.unknown(), { error: OBJECT });

/** Of a query. */
export const flag = z.enum(['true', 'false'], { error: 'expected true or false' }).optional();

/** A strict object: what is not in its shape is refused. */
export function fields<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: OBJECT });
}

export const serverQuery = fields({ server_name: serverName.optional().describe('Default: every server') });

export const snapshotSchema = z.object({
  server: z.string(),
  identity: z.string().optional().describe('Key of the identity that sees it so'),
  status: z.enum(['idle', 'connecting', 'ready', 'unhealthy', 'reconnecting', 'failed', 'closed']),
  transport: z.enum(['http', 'sse', 'stdio', 'ws', 'custom']),
  circuit: z.enum(['closed', 'open', 'half-open']),
  protocol_version: z.string().optional(),
  server_info: z.object({ name: z.string(), version: z.string() }).optional(),
  tools: z.int().optional().describe('When the list was last read'),
  in_flight: z.int(),
  queued: z.int(),
  since: z.string().describe('ISO 8601'),
  last_ok_at: z.string().optional().describe('ISO 8601'),
  token_expires_at: z.string().optional().describe('ISO 8601'),
  identities: z.int().optional().describe('That are kept, where each has connections of its own'),
  truncated: z
    .array(z.enum(['tools', 'resources', 'resourceTemplates', 'prompts']))
    .optional()
    .describe('Lists of which only a part could be read'),
  last_error: z.object({ code: z.string(), message: z.string() }).optional(),
});

export const fleetStatusSchema = z.enum(['ready', 'degraded', 'down', 'idle', 'closed']);

/** By name of the server. */
export const errorsSchema = z.record(z.string(), problemSchema).describe('By name of the server');

export const truncatedSchema = z
  .array(z.string())
  .optional()
  .describe('Servers of which only a part could be read');

/** Entries of each server, by its name. */
export function byServer(entry: string) {
  return z
    .record(z.string(), z.array(z.looseObject({})))
    .describe(`By name of the server: each ${entry} as in MCP`);
}

export const resultSchema = z.object({
  success: z.boolean().describe('false: the tool says that it failed (isError)'),
  data: z.looseObject({}).describe('The result as in MCP'),
  server_name: z.string(),
});
