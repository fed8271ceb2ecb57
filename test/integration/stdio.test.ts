import { ConfigError, McpClient, OutcomeUnknownError } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { isAlive, type StdioScript, stdioServer } from '../fixtures/stdio-servers.js';

function client(script: StdioScript, options: object = {}): McpClient {
  return new McpClient('child', { ...stdioServer(script), ...options });
}

async function textOf(child: McpClient, name: string): Promise<string> {
  const { content } = await child.callTool({ name });
  return (content[0] as { text: string }).text;
}

describe('a stdio server', () => {
  test('works although it prints other things on stdout, which is told once', async () => {
    await using child = client('banner');
    const errors: unknown[] = [];
    child.on('error', ({ during, error }) => errors.push([during, error.code]));
    const { content } = await child.callTool({ name: 'echo', arguments: { text: 'hi' } });
    expect(content).toEqual([{ type: 'text', text: 'hi' }]);
    expect(errors).toEqual([['transport', 'PROTOCOL_ERROR']]);
  });

  test('gets its own environment and folder, and nothing else of the host', async () => {
    vi.stubEnv('MCP_FLEET_HOST_SECRET', 'canary');
    await using child = client('plain', { env: { GREETING: 'hello' }, cwd: '/tmp' });
    const environment = JSON.parse(await textOf(child, 'env'));
    expect(environment).toMatchObject({ GREETING: 'hello', PATH: process.env.PATH });
    expect(environment).not.toHaveProperty('MCP_FLEET_HOST_SECRET');
    expect(await textOf(child, 'cwd')).toBe('/tmp');
  });

  test('that exits in a call leaves its fate unknown, and is started again', async () => {
    await using child = client('plain');
    const first = await textOf(child, 'pid');
    const error = await child.callTool({ name: 'exit' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ delivery: 'unknown', cause: { code: 'CONNECTION_LOST' } });
    expect((error as Error).message).toMatch(/The process exited with code \d/);
    expect(await textOf(child, 'pid')).not.toBe(first);
  });

  test('that is killed between calls is started again in the background', async () => {
    await using child = client('plain');
    const pid = Number(await textOf(child, 'pid'));
    const back = new Promise<void>((resolve) => {
      child.on(
        'status',
        ({ status, previous }) => previous === 'reconnecting' && status === 'ready' && resolve(),
      );
    });
    process.kill(pid, 'SIGKILL');
    await back;
    expect(await textOf(child, 'pid')).not.toBe(String(pid));
  });

  test('whose command is a secret in an argument or variable never shows it', async () => {
    const canary = 'canary-7f3a';
    const child = client('dies', { env: { KEY: canary }, args: [...stdioServer('dies').args, canary] });
    const error = (await child.connect().catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain('license key missing');
    expect(error.message).not.toContain(canary);
    expect(() => client('plain', { args: [canary, 7] })).toThrow(ConfigError);
    await child.close();
  });
});

describe('closing ends', () => {
  test.each(['plain', 'stubborn'] as const)('the process of a %s server', async (script) => {
    const child = client(script);
    const pid = Number(await textOf(child, 'pid'));
    expect(isAlive(pid)).toBe(true);
    await child.close();
    expect(isAlive(pid)).toBe(false);
  });

  test('what the server itself had started, even where it holds the stdout', async () => {
    const child = client('grandchild');
    const pids = [Number(await textOf(child, 'pid')), Number(await textOf(child, 'grandchild'))];
    expect(pids.map(isAlive)).toEqual([true, true]);
    await child.close();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  test('a call under way: it is cancelled, and says what is known of it', async () => {
    const child = client('plain');
    await child.listTools();
    const waiting = child.callTool({ name: 'wait' });
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'CLOSED', delivery: 'unknown' });
    await vi.waitFor(() => expect(child.snapshot().inFlight).toBe(1));
    await child.close({ drainTimeoutMs: 50 });
    await outcome;
    await expect(child.callTool({ name: 'echo' })).rejects.toMatchObject({
      code: 'CLOSED',
      delivery: 'not-sent',
    });
  });
});
