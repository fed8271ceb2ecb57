import { setTimeout as delay } from 'node:timers/promises';
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
  type ToolTaskHandler,
} from '@modelcontextprotocol/sdk/experimental/tasks';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { type Door, openDoor } from './door.js';
import { sessionsOf } from './sessions.js';

/** How often the client is to ask. Milliseconds. */
const POLL_MS = 100;

/** A server of 2025-11-25 with tools that can only be called as tasks. */
export interface OlderTasks extends Door {
  readonly store: InMemoryTaskStore;
}

/**
 * | tool | its task |
 * |---|---|
 * | `build` | ends with `what` it was to build |
 * | `asks` | asks the user for a name, and ends with it |
 * | `fails` | fails |
 * | `never` | goes on until it is cancelled |
 */
export async function olderTasks(): Promise<OlderTasks> {
  const store = new InMemoryTaskStore();
  const sessions = sessionsOf(async (transport) => {
    await serverWithTasks(store).connect(transport);
  });
  return Object.assign(await openDoor(sessions), { store });
}

function serverWithTasks(store: InMemoryTaskStore): McpServer {
  const server = new McpServer(
    { name: 'older-tasks', version: '1.0.0' },
    {
      capabilities: { tasks: { requests: { tools: { call: {} } }, cancel: {} } },
      taskStore: store,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  register(server, 'build', async (_ask, what) => ({ content: [{ type: 'text', text: `built ${what}` }] }));
  register(server, 'asks', async (ask) => ({ content: [{ type: 'text', text: `for ${await ask()}` }] }));
  register(
    server,
    'fails',
    async () => ({ content: [{ type: 'text', text: 'no' }], isError: true }),
    'failed',
  );
  register(server, 'never', () => new Promise(() => {}));
  return server;
}

const inputSchema = { what: z.string().optional() };

function register(
  server: McpServer,
  name: string,
  work: (ask: () => Promise<unknown>, what: string) => Promise<CallToolResult>,
  ending: 'completed' | 'failed' = 'completed',
): void {
  const handler: ToolTaskHandler<typeof inputSchema> = {
    async createTask({ what = 'nothing' }, { taskStore }) {
      const task = await taskStore.createTask({ ttl: 60_000, pollInterval: POLL_MS });
      const { taskId } = task;
      const ask = async () => {
        await taskStore.updateTaskStatus(taskId, 'input_required');
        const requestedSchema = {
          type: 'object' as const,
          properties: { name: { type: 'string' as const } },
        };
        const params = { mode: 'form' as const, message: 'Who?', requestedSchema };
        // It is told with the task's result, for which the client asks.
        const { content } = await server.server.elicitInput(params, { relatedTask: { taskId } });
        return content?.name;
      };
      const ended = async () => {
        await delay(POLL_MS / 2);
        await taskStore.storeTaskResult(taskId, ending, await work(ask, what));
      };
      ended().catch(() => {});
      return { task };
    },
    getTask: (_args, { taskStore, taskId }) => taskStore.getTask(taskId),
    getTaskResult: async (_args, { taskStore, taskId }) =>
      (await taskStore.getTaskResult(taskId)) as CallToolResult,
  };
  const config = { inputSchema, execution: { taskSupport: 'required' as const } };
  server.experimental.tasks.registerToolTask(name, config, handler);
}
