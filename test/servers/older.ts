import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { CITIES, CITY_TEMPLATE, EXTRA, NOTE, type Program, type Running, readCity } from './program.js';

const IDENTITY = { name: 'program', title: 'Program', version: '1.2.3' };
const EXTRA_TOOL = { name: EXTRA, description: 'Comes and goes', inputSchema: { type: 'object' as const } };

/** One session of the program in the revisions with `initialize`, by the SDK of version 1. */
export function olderServer(program: Program): Server {
  const server = new Server(IDENTITY, {
    instructions: 'Be kind.',
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      completions: {},
      logging: {},
    },
  });
  serveTools(server, program);
  serveResources(server, program);
  servePrompts(server, program);
  return server;
}

function serveTools(server: Server, program: Program): void {
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...program.tools.map(({ tool }) => tool), ...(program.isExtended('tools') ? [EXTRA_TOOL] : [])],
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, context) => {
    const called = program.tools.find(({ tool }) => tool.name === params.name);
    if (called === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return called.run(params.arguments ?? {}, running(server, context), program);
  });
}

function serveResources(server: Server, program: Program): void {
  const subscriptions = new Set<string>();
  const unsubscribe = program.subscribe({
    listChanged: (list) =>
      void server.notification({ method: `notifications/${list}/list_changed` }).catch(() => {}),
    resourceUpdated: (uri) =>
      void (subscriptions.has(uri) && server.sendResourceUpdated({ uri }).catch(() => {})),
  });
  server.onclose = unsubscribe;
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { name: 'note', uri: NOTE, title: 'Note', mimeType: 'text/plain' },
      ...(program.isExtended('resources') ? [{ name: EXTRA, uri: `memo://${EXTRA}` }] : []),
    ],
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ name: 'city', uriTemplate: CITY_TEMPLATE, title: 'City' }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }, context) => {
    const [, city] = /^city:\/\/(.+)$/.exec(uri) ?? [];
    const text = uri === NOTE ? program.note : city && (await readCity(city, running(server, context)));
    if (text === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown resource: ${uri}`);
    return { contents: [{ uri, mimeType: 'text/plain', text }] };
  });
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    subscriptions.add(uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscriptions.delete(uri);
    return {};
  });
}

function servePrompts(server: Server, program: Program): void {
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: [
      ...Object.entries(program.prompts).map(([name, prompt]) => ({
        name,
        title: prompt.title,
        description: prompt.description,
        arguments: Object.keys(prompt.arguments).map((argument) => ({ name: argument, required: true })),
      })),
      ...(program.isExtended('prompts') ? [{ name: EXTRA }] : []),
    ],
  }));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, context) => {
    const prompt = program.prompts[params.name];
    if (prompt === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return prompt.get(params.arguments ?? {}, running(server, context));
  });
  server.setRequestHandler(CompleteRequestSchema, ({ params: { ref, argument } }) => {
    const all =
      ref.type === 'ref/prompt' ? (program.prompts[ref.name]?.arguments[argument.name] ?? []) : CITIES;
    return { completion: { values: all.filter((value) => value.startsWith(argument.value)) } };
  });
}

function running(server: Server, context: RequestHandlerExtra<ServerRequest, ServerNotification>): Running {
  const progressToken = context._meta?.progressToken;
  return {
    signal: context.signal,
    async progress(progress, total, message) {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message };
      await context.sendNotification({ method: 'notifications/progress', params });
    },
    log: (level, data) => server.sendLoggingMessage({ level, logger: 'program', data }, context.sessionId),
    async ask(message, fields) {
      const properties = Object.fromEntries(fields.map((field) => [field, { type: 'string' as const }]));
      const requestedSchema = { type: 'object' as const, properties, required: [...fields] };
      const params = { mode: 'form' as const, message, requestedSchema };
      const { action, content } = await context.sendRequest(
        { method: 'elicitation/create', params },
        ElicitResultSchema,
      );
      return action === 'accept' ? content : undefined;
    },
    async consult(prompt) {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }];
      const params = { messages, maxTokens: 100 };
      const { content } = await context.sendRequest(
        { method: 'sampling/createMessage', params },
        CreateMessageResultSchema,
      );
      const { roots } = await context.sendRequest({ method: 'roots/list' }, ListRootsResultSchema);
      const words = content.type === 'text' ? content.text : content.type;
      return { words, roots: roots.map(({ uri }) => uri) };
    },
  };
}
