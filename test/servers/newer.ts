import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import {
  type CacheHint,
  completable,
  fromJsonSchema,
  type JsonSchemaType,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { CITIES, CITY_TEMPLATE, EXTRA, NOTE, type Program, type ProgramList, readCity } from './program.js';
import { answered } from './rounds.js';

const IDENTITY = { name: 'program', title: 'Program', version: '1.2.3' };

export type CacheHints = Readonly<Record<string, CacheHint>>;

export interface NewerOptions {
  /** By method. @default the package says `ttlMs: 0`, private */
  cacheHints?: CacheHints | undefined;
  /** The connection lives on, and is told of changes. Over HTTP there is a server for each request. @default false */
  isConnection?: boolean;
  /** It tells nobody when its lists change. @default false */
  isSilent?: boolean;
}

/** The program in revision 2026-07-28, by the official package. */
export function newerServer(
  program: Program,
  { cacheHints, isConnection = false, isSilent = false }: NewerOptions = {},
): McpServer {
  const server = new McpServer(IDENTITY, {
    instructions: 'Be kind.',
    capabilities: {
      tools: { listChanged: !isSilent },
      resources: { subscribe: true, listChanged: !isSilent },
      prompts: { listChanged: !isSilent },
      logging: {},
    },
    ...(cacheHints && { cacheHints }),
  });
  registerTools(server, program);
  registerResources(server, program);
  registerPrompts(server, program);
  const extras = registerExtras(server);
  const show = (list: ProgramList) => extras[list].update({ enabled: program.isExtended(list) });
  for (const list of ['tools', 'resources', 'prompts'] as const) show(list);
  if (isConnection) {
    server.server.onclose = program.subscribe({
      listChanged: show,
      resourceUpdated: (uri) => void server.server.sendResourceUpdated({ uri }).catch(() => {}),
    });
  }
  return server;
}

function registerTools(server: McpServer, program: Program): void {
  for (const { tool, run } of program.tools) {
    const { name, title, description, annotations, icons, _meta, inputSchema, outputSchema } = tool;
    const config = {
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...(annotations !== undefined && { annotations }),
      ...(icons !== undefined && { icons }),
      ...(_meta !== undefined && { _meta }),
      ...(outputSchema !== undefined && { outputSchema: jsonSchema(outputSchema) }),
      inputSchema: jsonSchema(inputSchema),
    };
    server.registerTool(name, config, (args, context) =>
      answered(context, async (running) => run(args, running, program)),
    );
  }
}

function jsonSchema(schema: Tool['inputSchema']) {
  return fromJsonSchema<Record<string, unknown>>(schema as JsonSchemaType);
}

function registerResources(server: McpServer, program: Program): void {
  server.registerResource('note', NOTE, { title: 'Note', mimeType: 'text/plain' }, async () => ({
    contents: [{ uri: NOTE, mimeType: 'text/plain', text: program.note }],
  }));
  const template = new ResourceTemplate(CITY_TEMPLATE, {
    list: undefined,
    complete: { name: (start) => CITIES.filter((city) => city.startsWith(start)) },
  });
  server.registerResource('city', template, { title: 'City' }, ({ href }, { name }, context) =>
    answered(context, async (running) => ({
      contents: [{ uri: href, mimeType: 'text/plain', text: await readCity(String(name), running) }],
    })),
  );
}

function registerPrompts(server: McpServer, program: Program): void {
  for (const [name, { title, description, arguments: completions, get }] of Object.entries(program.prompts)) {
    const fields = Object.entries(completions).map(([field, values]) => {
      const complete = (start: string | undefined = '') => values.filter((value) => value.startsWith(start));
      return [field, completable(z.string(), complete)] as const;
    });
    const config = { title, description, argsSchema: z.object(Object.fromEntries(fields)) };
    server.registerPrompt(name, config, (args, context) =>
      answered(context, async (running) => get(args as Record<string, string>, running)),
    );
  }
}

/** What comes and goes; not there yet. */
function registerExtras(server: McpServer) {
  return {
    tools: server.registerTool(EXTRA, { description: 'Comes and goes' }, () => ({ content: [] })),
    resources: server.registerResource(EXTRA, `memo://${EXTRA}`, {}, () => ({ contents: [] })),
    prompts: server.registerPrompt(EXTRA, {}, () => ({ messages: [] })),
  };
}
