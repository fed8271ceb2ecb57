import type { ServerResponse } from 'node:http';
import { type Door, openDoor } from './door.js';

/** How often the client is to ask. Milliseconds. */
const POLL_MS = 100;
const EXTENSION = 'io.modelcontextprotocol/tasks';
const WHO = {
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message: 'Who?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
  },
};

type Params = Readonly<Record<string, unknown>>;
type Outcome = { result: object } | { error: { code: number; message: string; data?: unknown } };

interface Task {
  readonly tool: string;
  readonly what: unknown;
  /** How often it was asked for. */
  gets: number;
  isCancelled: boolean;
  given?: { name?: { content?: { name?: unknown } } };
}

/** A server of 2026-07-28 with the tasks extension (SEP-2663), which the official package does not have. */
export interface NewerTasks extends Door {
  /** Tools whose task was cancelled. */
  readonly cancelled: readonly string[];
}

/**
 * | tool | its task |
 * |---|---|
 * | `build` | ends with `what` it was to build |
 * | `asks` | asks the user for a name, and ends with it |
 * | `asks-first` | the same, but the call asks, before there is a task |
 * | `fails` | fails |
 * | `never` | goes on until it is cancelled |
 */
export async function newerTasks(): Promise<NewerTasks> {
  const tasks = new Map<string, Task>();
  const door = await openDoor({
    async answer(_request, response, body) {
      const { id, method, params } = JSON.parse(body);
      answerWith(response, id, outcomeOf(method, params, tasks));
    },
    close: async () => {},
  });
  return Object.defineProperty(door, 'cancelled', {
    get: () => [...tasks.values()].filter(({ isCancelled }) => isCancelled).map(({ tool }) => tool),
  }) as NewerTasks;
}

function answerWith(response: ServerResponse, id: unknown, outcome: Outcome): void {
  const status = 'error' in outcome && outcome.error.code === -32_601 ? 404 : 200;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }));
}

function outcomeOf(method: string, params: Params, tasks: Map<string, Task>): Outcome {
  const task = tasks.get(String(params.taskId));
  if (method.startsWith('tasks/') && task === undefined)
    return { error: { code: -32_602, message: 'There is no such task' } };
  switch (method) {
    case 'initialize':
      return { error: { code: -32_022, message: 'Unsupported', data: { supported: ['2026-07-28'] } } };
    case 'server/discover':
      return complete({
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {}, extensions: { [EXTENSION]: {} } },
        serverInfo: { name: 'newer-tasks', version: '1.0.0' },
      });
    case 'tools/list':
      return complete({
        tools: ['build', 'asks', 'asks-first', 'fails', 'never'].map((name) => ({
          name,
          inputSchema: { type: 'object' },
          execution: { taskSupport: 'required' },
        })),
        ttlMs: 60_000,
        cacheScope: 'public',
      });
    case 'tools/call':
      return called(params, tasks);
    case 'tasks/get':
      return complete(stateOf(params, task as Task));
    case 'tasks/update':
      (task as Task).given = params.inputResponses as Task['given'] & object;
      return complete({});
    case 'tasks/cancel':
      (task as Task).isCancelled = true;
      return complete({});
    default:
      return { error: { code: -32_601, message: `Unknown method: ${method}` } };
  }
}

function called(params: Params, tasks: Map<string, Task>): Outcome {
  const { name, arguments: args, inputResponses, _meta: meta } = params;
  const capabilities = (meta as Params)['io.modelcontextprotocol/clientCapabilities'] as {
    extensions?: object;
  };
  if (!(EXTENSION in (capabilities.extensions ?? {}))) return { error: missingExtension() };
  const given = inputResponses as Task['given'];
  if (name === 'asks-first' && given === undefined)
    return { result: { resultType: 'input_required', inputRequests: { name: WHO }, requestState: 's' } };
  const taskId = `task ${tasks.size} é`;
  const task = { tool: String(name), what: (args as Params | undefined)?.what, gets: 0, isCancelled: false };
  tasks.set(taskId, { ...task, ...(given !== undefined && { given }) });
  return { result: { ...fieldsOf(taskId), resultType: 'task', status: 'working' } };
}

function missingExtension() {
  const requiredCapabilities = { extensions: { [EXTENSION]: {} } };
  return {
    code: -32_021,
    message: 'Missing required client capability',
    data: { requiredCapabilities },
  };
}

/** It works when it is first asked for, and then it ends. */
function stateOf({ taskId }: Params, task: Task): object {
  const fields = fieldsOf(String(taskId));
  if (task.isCancelled) return { ...fields, status: 'cancelled' };
  if (task.tool === 'never' || task.gets++ === 0)
    return { ...fields, status: 'working', statusMessage: 'half' };
  if (task.tool === 'fails') return { ...fields, status: 'failed', error: { code: 7, message: 'It broke' } };
  if (task.tool === 'asks' && task.given === undefined)
    return { ...fields, status: 'input_required', inputRequests: { name: WHO } };
  const text = task.tool === 'build' ? `built ${task.what}` : `for ${task.given?.name?.content?.name}`;
  return { ...fields, status: 'completed', result: { content: [{ type: 'text', text }] } };
}

function fieldsOf(taskId: string): object {
  const now = new Date().toISOString();
  return { taskId, createdAt: now, lastUpdatedAt: now, ttlMs: 60_000, pollIntervalMs: POLL_MS };
}

function complete(result: object): Outcome {
  return { result: { resultType: 'complete', ...result } };
}
