import type { ElicitRequest, ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { isRecord } from '../reading/json-values.js';
import type { Params } from '../reading/message.js';

/**
 * An accepted form with the defaults of its schema where nothing was filled in (MCP "Elicitation", `applyDefaults`).
 * Forms are flat: their properties are texts, numbers, booleans and choices.
 */
export function withDefaults(request: ElicitRequest['params'], result: ElicitResult): ElicitResult {
  const { mode, requestedSchema } = request as { mode?: string; requestedSchema?: unknown };
  if (mode === 'url' || result.action !== 'accept' || !isRecord(requestedSchema)) return result;
  const { properties } = requestedSchema;
  if (!isRecord(properties)) return result;
  const content: Record<string, unknown> = { ...result.content };
  for (const [name, schema] of Object.entries(properties)) {
    if (content[name] === undefined && hasDefault(schema)) content[name] = schema.default;
  }
  return Object.keys(content).length === 0
    ? result
    : { ...result, content: content as ElicitResult['content'] };
}

function hasDefault(schema: unknown): schema is Params {
  return isRecord(schema) && schema.default !== undefined;
}
