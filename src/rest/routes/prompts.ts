import { z } from 'zod';
import { entriesByServer, errorsReport } from '../reports.js';
import { ok, type Route, route } from '../route.js';
import {
  byServer,
  errorsSchema,
  fields,
  resultSchema,
  serverName,
  serverQuery,
  text,
  truncatedSchema,
} from '../schemas.js';
import { askedServers, selectionOf } from '../server-selection.js';

export const promptsSchema = z.object({
  prompts: byServer('prompt'),
  errors: errorsSchema,
  truncated: truncatedSchema,
});
export const promptGetSchema = fields({
  server_name: serverName,
  prompt_name: text,
  arguments: z
    .record(z.string(), z.string({ error: 'expected a string' }), { error: 'expected an object of strings' })
    .optional(),
});

export function promptRoutes(): Route[] {
  return [
    route('GET /prompts', {
      kind: 'read',
      summary: 'Lists prompts',
      query: serverQuery,
      answers: { 200: promptsSchema },
      async handle(input) {
        const { prompts, failed, ...rest } = await input.fleet.listPrompts(selectionOf(input));
        const lists = entriesByServer(prompts, askedServers(input), failed);
        return ok({ prompts: lists, errors: errorsReport(failed), ...rest });
      },
    }),
    route('POST /prompts/get', {
      kind: 'call',
      summary: 'Gets a prompt',
      body: promptGetSchema,
      answers: { 200: resultSchema },
      targets: ({ server_name }) => [{ server: server_name }],
      async handle({ body: { server_name, prompt_name, arguments: args }, fleet, signal }) {
        const prompt = {
          server: server_name,
          name: prompt_name,
          ...(args !== undefined && { arguments: args }),
        };
        return ok({ success: true, data: await fleet.getPrompt(prompt, { signal }), server_name });
      },
    }),
  ];
}
