import { z } from 'zod';
import type { CallOutcome, FleetToolCall } from '../../manager/fleet.js';
import { problemOf, problemSchema } from '../problem.js';
import { entriesByServer, errorsReport } from '../reports.js';
import { ok, type Route, route } from '../route.js';
import {
  byServer,
  errorsSchema,
  fields,
  json,
  resultSchema,
  serverName,
  serverQuery,
  text,
  truncatedSchema,
} from '../schemas.js';
import { askedServers, selectionOf } from '../server-selection.js';

const MAX_BATCH = 100;
/** Calls of a batch under way at the same time. */
const BATCH_CONCURRENCY = 16;

export const toolCallSchema = fields({
  server_name: serverName,
  tool_name: text.describe("The server's own name for the tool"),
  arguments: json.optional(),
});
type ToolCallFields = z.output<typeof toolCallSchema>;

const BATCH = `expected an array of 1 to ${MAX_BATCH} calls`;
export const batchSchema = fields({
  calls: z.array(toolCallSchema, { error: BATCH }).min(1, { error: BATCH }).max(MAX_BATCH, { error: BATCH }),
});

export const toolsSchema = z.object({
  tools: byServer('tool'),
  errors: errorsSchema,
  truncated: truncatedSchema,
});
export const batchResultSchema = z.object({
  results: z
    .array(
      z.union([
        z.object({ success: z.boolean(), data: z.looseObject({}) }),
        z.object({ success: z.literal(false), error: problemSchema }),
      ]),
    )
    .describe('In the order of the calls'),
});

export function toolRoutes(): Route[] {
  return [
    route('GET /tools', {
      kind: 'read',
      summary: 'Lists tools',
      query: serverQuery,
      answers: { 200: toolsSchema },
      async handle(input) {
        const { tools, failed, ...rest } = await input.fleet.listTools(selectionOf(input));
        const own = tools.map(({ toolName, ...tool }) => ({ ...tool, name: toolName }));
        const lists = entriesByServer(own, askedServers(input), failed);
        return ok({ tools: lists, errors: errorsReport(failed), ...rest });
      },
    }),
    route('POST /tools/call', {
      kind: 'call',
      summary: 'Calls a tool',
      body: toolCallSchema,
      answers: { 200: resultSchema },
      targets: (call) => [targetOf(call)],
      async handle({ body, fleet, signal }) {
        const data = await fleet.callTool(callOf(body), { signal });
        return ok({ success: data.isError !== true, data, server_name: body.server_name });
      },
    }),
    route('POST /tools/batch', {
      kind: 'call',
      summary: 'Calls tools side by side',
      body: batchSchema,
      answers: { 200: batchResultSchema },
      targets: ({ calls }) => calls.map(targetOf),
      async handle({ body, fleet, signal }) {
        const outcomes = await fleet.callTools(body.calls.map(callOf), {
          signal,
          concurrency: BATCH_CONCURRENCY,
        });
        return ok({ results: outcomes.map(outcomeReport) });
      },
    }),
  ];
}

function targetOf({ server_name, tool_name }: ToolCallFields) {
  return { server: server_name, tool: tool_name };
}

function callOf({ server_name, tool_name, arguments: args }: ToolCallFields): FleetToolCall {
  return { server: server_name, name: tool_name, ...(args !== undefined && { arguments: args }) };
}

function outcomeReport(outcome: CallOutcome): object {
  if (!outcome.ok) return { success: false, error: problemOf(outcome.error) };
  return { success: outcome.result.isError !== true, data: outcome.result };
}
