import { join } from 'node:path';
import { McpManager } from 'mcp-fleet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EverythingServer, everythingServer, everythingStdio } from '../fixtures/everything-server.js';
import { filesystemServer } from '../fixtures/filesystem-server.js';

describe('server-everything over each of its transports', () => {
  let http: EverythingServer;
  let sse: EverythingServer;
  let manager: McpManager;

  beforeAll(async () => {
    [http, sse] = await Promise.all([everythingServer('streamableHttp'), everythingServer('sse')]);
    manager = new McpManager({
      servers: { http: { url: http.url }, sse: { url: sse.url }, stdio: everythingStdio },
    });
    const report = await manager.connect();
    expect(report).toEqual({ ready: ['http', 'sse', 'stdio'], failed: [] });
  });

  afterAll(async () => {
    await manager.close();
    await Promise.all([http.close(), sse.close()]);
  });

  describe.each(['http', 'sse', 'stdio'] as const)('%s', (server) => {
    test('is ready over the transport it speaks, in the newest revision', () => {
      const snapshot = manager.client(server).snapshot();
      expect(snapshot).toMatchObject({ status: 'ready', transport: server, protocolVersion: '2025-11-25' });
      expect(manager.client(server).serverInfo?.name).toBe('mcp-servers/everything');
      expect(manager.client(server).instructions).toContain('Everything');
    });

    test('lists its tools under qualified names and calls one by them', async () => {
      const { tools, failed } = await manager.listTools({ server });
      expect(failed).toEqual([]);
      const echo = tools.find(({ toolName }) => toolName === 'echo');
      expect(echo).toMatchObject({ name: `${server}__echo`, server, inputSchema: { type: 'object' } });
      const result = await manager.callTool({ name: `${server}__echo`, arguments: { message: 'hello' } });
      expect(result.content).toEqual([{ type: 'text', text: 'Echo: hello' }]);
    });

    test("gives a tool's failure as a result, not as an exception", async () => {
      const result = await manager.callTool({ server, name: 'get-sum', arguments: { a: 'not a number' } });
      expect(result.isError).toBe(true);
    });

    test('reads resources, gets prompts and completes arguments', async () => {
      const { resources } = await manager.listResources({ server });
      const { uri } = resources.find(({ server: of }) => of === server) ?? { uri: '' };
      const { contents } = await manager.readResource({ server, uri });
      expect(contents[0]?.uri).toBe(uri);

      const { resourceTemplates } = await manager.listResourceTemplates({ server });
      expect(resourceTemplates.length).toBeGreaterThan(0);

      const { prompts } = await manager.listPrompts({ server });
      expect(prompts.map(({ name }) => name)).toContain('simple-prompt');
      const { messages } = await manager.getPrompt({
        server,
        name: 'args-prompt',
        arguments: { city: 'Ghent' },
      });
      expect(JSON.stringify(messages)).toContain('Ghent');

      const ref = { type: 'ref/prompt', name: 'completable-prompt' } as const;
      const argument = { name: 'department', value: 'E' };
      const { completion } = await manager.complete({ server, ref, argument });
      expect(completion.values).toContain('Engineering');
    });

    test('reports every step of progress', async () => {
      const steps: number[] = [];
      await manager.callTool(
        { server, name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 4 } },
        { onProgress: ({ progress }) => steps.push(progress) },
      );
      expect(steps).toEqual([1, 2, 3, 4]);
    });
  });

  test('answers pings, in parallel', async () => {
    const { ok, failed } = await manager.ping();
    expect(failed).toEqual([]);
    expect(ok.map(({ server }) => server)).toEqual(['http', 'sse', 'stdio']);
    for (const { latencyMs } of ok) expect(latencyMs).toBeGreaterThan(0);
  });

  test('runs calls in bulk, each with its own outcome, in order', async () => {
    const outcomes = await manager.callTools([
      { name: 'http__echo', arguments: { message: 'one' } },
      { name: 'nobody__echo' },
      { server: 'stdio', name: 'ecko' },
      { server: 'sse', name: 'echo', arguments: { message: 'two' } },
    ]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, false, true]);
    expect(outcomes[1]).toMatchObject({ error: { code: 'UNKNOWN_TOOL' } });
    expect(outcomes[2]).toMatchObject({ error: { code: 'UNKNOWN_TOOL', tool: 'ecko', server: 'stdio' } });
  });
});

test('server-filesystem over stdio reads a file', async () => {
  await using files = await filesystemServer();
  await using manager = new McpManager({ servers: { files: { command: files.command, args: files.args } } });
  const path = join(files.directory, 'notes.txt');
  const result = await manager.callTool({ name: 'files__read_text_file', arguments: { path } });
  expect(JSON.stringify(result.content)).toContain('The answer is 42.');
  const refused = await manager.callTool({
    name: 'files__read_text_file',
    arguments: { path: '/etc/passwd' },
  });
  expect(refused.isError).toBe(true);
});

test('a server that is killed comes back, and calls work again', async () => {
  await using server = await everythingServer();
  await using manager = new McpManager({ servers: { fragile: { url: server.url } } });
  const statuses: string[] = [];
  manager.on('status', ({ status }) => statuses.push(status));
  await manager.connect();

  await server.kill();
  const reconnecting = manager.client('fragile').status === 'reconnecting';
  if (!reconnecting) await manager.once('status');
  expect(manager.snapshot().status).toBe('down');

  await server.restart();
  const result = await manager.callTool({ name: 'fragile__echo', arguments: { message: 'again' } });
  expect(result.content).toEqual([{ type: 'text', text: 'Echo: again' }]);
  expect(statuses).toEqual(['connecting', 'ready', 'reconnecting', 'ready']);
});
