import { z } from 'zod';
import { VERSION } from '../core/version.js';
import type { RestSettings } from './options.js';
import { problemSchema } from './problem.js';
import type { AnswerType, Route } from './route.js';
import { healthSchema } from './routes/health.js';
import { refreshedSchema, refreshSchema } from './routes/oauth.js';
import { promptGetSchema, promptsSchema } from './routes/prompts.js';
import { resourceReadSchema, resourcesSchema, resourceTemplatesSchema } from './routes/resources.js';
import {
  addServerSchema,
  messageSchema,
  serverAddedSchema,
  serversSchema,
  serversStatusSchema,
} from './routes/servers.js';
import { batchResultSchema, batchSchema, toolCallSchema, toolsSchema } from './routes/tools.js';
import { resultSchema, snapshotSchema } from './schemas.js';

/** What requests carry and what answers hold, by the name it has in the document. */
const REQUESTS = {
  AddServer: addServerSchema,
  ToolCall: toolCallSchema,
  ToolBatch: batchSchema,
  ResourceRead: resourceReadSchema,
  PromptGet: promptGetSchema,
  Refresh: refreshSchema.unwrap(),
};
const ANSWERS = {
  Problem: problemSchema,
  Server: snapshotSchema,
  Servers: serversSchema,
  ServerAdded: serverAddedSchema,
  ServersStatus: serversStatusSchema,
  Message: messageSchema,
  Tools: toolsSchema,
  Result: resultSchema,
  BatchResult: batchResultSchema,
  Resources: resourcesSchema,
  ResourceTemplates: resourceTemplatesSchema,
  Prompts: promptsSchema,
  Refreshed: refreshedSchema,
  Health: healthSchema,
};

/** What a refusal asks for in `WWW-Authenticate`. */
const BEARER = {
  type: 'http',
  scheme: 'bearer',
  description: 'What authorize makes of it is up to the host',
};

const PROBLEM = { 'application/problem+json': { schema: reference('Problem') } };

/** The OpenAPI 3.1 document of the routes, from the schemas that they check with. */
export function openApiDocument(
  routes: readonly Route[],
  { authorize }: Pick<RestSettings, 'authorize'>,
): object {
  const isOpen = authorize === 'allow-all';
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    Object.assign(paths[route.path] as object, { [route.method.toLowerCase()]: operation(route, isOpen) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'MCP servers over REST',
      version: VERSION,
      description: 'Errors are application/problem+json (RFC 9457); their `code` is stable.',
    },
    paths,
    ...(!isOpen && { security: [{ bearer: [] }] }),
    components: {
      schemas: { ...components(REQUESTS, 'input'), ...components(ANSWERS, 'output') },
      responses: { Problem: { description: 'Why not', content: PROBLEM } },
      ...(!isOpen && { securitySchemes: { bearer: BEARER } }),
    },
  };
}

/** Where the routes are, which depends on who asks. */
export function atMount<Document extends object>(document: Document, mount: string): Document {
  return { ...document, servers: [{ url: mount === '' ? '/' : mount }] };
}

function operation({ method, path, kind, summary, query, body, answers }: Route, isOpen: boolean): object {
  const parameters = [...parametersOf(path), ...queryParameters(query)];
  const responses = Object.entries(answers).map(([status, answer]) => [status, response(answer)]);
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^A-Za-z]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`,
    summary,
    tags: [kind],
    ...(kind === 'none' && !isOpen && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: !body.safeParse(undefined).success, content: content(body) },
    }),
    responses: { ...Object.fromEntries(responses), default: { $ref: '#/components/responses/Problem' } },
  };
}

function parametersOf(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: Route['query']): object[] {
  return Object.entries(query?.shape ?? {}).map(([name, type]) => {
    const { $schema: _, ...schema } = z.toJSONSchema(type as z.ZodType, { io: 'input' });
    return { name, in: 'query', required: false, schema };
  });
}

function response(answer: AnswerType): object {
  if (typeof answer !== 'string') return { description: 'Done', content: content(answer) };
  return { description: 'Done', content: { [answer]: { schema: { type: 'string' } } } };
}

function content(schema: z.ZodType): object {
  const plain = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  const named = Object.entries({ ...REQUESTS, ...ANSWERS }).find(([, one]) => one === plain);
  return { 'application/json': { schema: named === undefined ? {} : reference(named[0]) } };
}

function components(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, { io, uri: (id) => reference(id).$ref });
  return Object.fromEntries(Object.entries(made).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

function reference(id: string): { $ref: string } {
  return { $ref: `#/components/schemas/${id}` };
}
