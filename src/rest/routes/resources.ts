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

export const resourcesSchema = z.object({
  resources: byServer('resource'),
  errors: errorsSchema,
  truncated: truncatedSchema,
});
export const resourceTemplatesSchema = z.object({
  resource_templates: byServer('template'),
  errors: errorsSchema,
  truncated: truncatedSchema,
});
export const resourceReadSchema = fields({ server_name: serverName, resource_uri: text });

export function resourceRoutes(): Route[] {
  return [
    route('GET /resources', {
      kind: 'read',
      summary: 'Lists resources',
      query: serverQuery,
      answers: { 200: resourcesSchema },
      async handle(input) {
        const { resources, failed, ...rest } = await input.fleet.listResources(selectionOf(input));
        const lists = entriesByServer(resources, askedServers(input), failed);
        return ok({ resources: lists, errors: errorsReport(failed), ...rest });
      },
    }),
    route('GET /resources/templates', {
      kind: 'read',
      summary: 'Lists resource templates',
      query: serverQuery,
      answers: { 200: resourceTemplatesSchema },
      async handle(input) {
        const { resourceTemplates, failed, ...rest } = await input.fleet.listResourceTemplates(
          selectionOf(input),
        );
        const lists = entriesByServer(resourceTemplates, askedServers(input), failed);
        return ok({ resource_templates: lists, errors: errorsReport(failed), ...rest });
      },
    }),
    route('POST /resources/read', {
      kind: 'call',
      summary: 'Reads a resource',
      body: resourceReadSchema,
      answers: { 200: resultSchema },
      targets: ({ server_name }) => [{ server: server_name }],
      async handle({ body: { server_name, resource_uri }, fleet, signal }) {
        const data = await fleet.readResource({ server: server_name, uri: resource_uri }, { signal });
        return ok({ success: true, data, server_name });
      },
    }),
  ];
}
