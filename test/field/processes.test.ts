import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { McpClient, type McpFleetError, type ServerConfig, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { DONE } from './mcp-answers.js';
import { program } from './stdio-program.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };
const folder = () => mkdtempSync(join(tmpdir(), 'field-'));

async function failure(config: ServerConfig): Promise<McpFleetError> {
  await using client = new McpClient('field', config, CALM);
  return await client.connect().then(
    () => expect.unreachable('it connected'),
    (error: McpFleetError) => error,
  );
}

describe('a process that is busy', () => {
  test('is left alone while it works on a call, though it answers no ping', async () => {
    const config = program({
      on: `if (method === 'tools/call') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);`,
    });
    const healthCheck = { intervalMs: 100, timeoutMs: 50, threshold: 2 };
    await using client = new McpClient('field', config, { retry: false, healthCheck });
    expect(await client.callTool({ name: 'work' }, { timeoutMs: 20_000 })).toEqual(DONE);
  });

  test.each(['[]', 'null', '{ pong: 1 }', '"pong"'])(
    'or answers pings with %s is not started anew',
    async (answer) => {
      const starts = join(folder(), 'starts');
      const config = program({
        before: `appendFileSync(${JSON.stringify(starts)}, 'x');`,
        on: `if (method === 'ping') return result(${answer});`,
      });
      const healthCheck = { intervalMs: 50, timeoutMs: 50, threshold: 2 };
      await using client = new McpClient('field', config, { retry: false, healthCheck });
      await client.connect();
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect([readFileSync(starts, 'utf8'), client.status]).toEqual(['x', 'ready']);
    },
  );
});

describe('a process that does not start', () => {
  test.each<[string, ServerConfig, RegExp]>([
    [
      'a file as its folder',
      { command: process.execPath, args: ['-e', ''], cwd: process.execPath },
      /ENOTDIR|cwd/,
    ],
    ['no such folder', { command: process.execPath, args: ['-e', ''], cwd: '/no/such/folder' }, /ENOENT|cwd/],
    [
      'an argument that is too long',
      { command: process.execPath, args: ['-e', '', 'x'.repeat(200_000)] },
      /E2BIG/,
    ],
    [
      'too long a variable',
      { command: process.execPath, args: ['-e', ''], env: { A: 'x'.repeat(200_000) } },
      /E2BIG/,
    ],
    [
      'a command that is not there',
      { command: 'no-such-command-in-the-path' },
      /no-such-command-in-the-path/,
    ],
    ['a command that may not be run', { command: import.meta.filename }, /EACCES|permission/i],
  ])('is told as that: %s', async (_what, config, words) => {
    const error = await failure(config);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
    expect(error.message).toMatch(words);
  });

  test('is told by its code and its last words, every time', async () => {
    const config = {
      command: process.execPath,
      args: ['-e', 'console.error("no API key"); process.exit(3)'],
    };
    for (let times = 0; times < 10; times++) {
      const error = await failure(config);
      expect(error.code).toBe('CONNECT_FAILED');
      expect(error.message).toMatch(/code 3.*no API key/);
    }
  });

  test('is told by the signal that ended it', async () => {
    const config = { command: process.execPath, args: ['-e', 'process.kill(process.pid, "SIGKILL")'] };
    expect((await failure(config)).message).toContain('SIGKILL');
  });
});

test('a command that has to be installed first is waited for, and its words are heard meanwhile', async () => {
  const mark = join(folder(), 'installed');
  const before = `
    if (!existsSync(${JSON.stringify(mark)})) {
      console.error('installing demo-server@1.0.0');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
      writeFileSync(${JSON.stringify(mark)}, '');
    }`;
  await using client = new McpClient('field', program({ before }), { ...CALM, connectTimeoutMs: 300 });
  const lines: string[] = [];
  client.on('stderr', ({ line }) => lines.push(line));
  const early = await client
    .callTool({ name: 'work' }, { timeoutMs: 600 })
    .catch((error: McpFleetError) => error);
  expect(early).toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
  expect((early as McpFleetError).message).toMatch(/still starting.*installing demo-server/);
  expect(await client.callTool({ name: 'work' }, { timeoutMs: 20_000 })).toEqual(DONE);
  expect(lines).toEqual(['installing demo-server@1.0.0']);
});

describe('an answer that is too large', () => {
  test('fails its call alone: not its process, nor the calls beside it', async () => {
    const config = program({
      on: `
        if (method !== 'tools/call') ;
        else if (params.name === 'big') return result({ content: [{ type: 'text', text: 'x'.repeat(1_500_000) }] });
        else return setTimeout(() => result({ content: [{ type: 'text', text: String(process.pid) }] }), 200);`,
      results: {
        'tools/list': { tools: ['big', 'work'].map((name) => ({ name, inputSchema: { type: 'object' } })) },
      },
    });
    await using client = new McpClient('field', config, { ...CALM, maxResponseBytes: 1_000_000 });
    const before = await client.callTool({ name: 'work' });
    const [big, beside] = await Promise.all([
      client.callTool({ name: 'big' }).catch((error: McpFleetError) => error),
      client.callTool({ name: 'work' }),
    ]);
    expect(big).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { code: 'RESPONSE_TOO_LARGE' } });
    expect(beside).toEqual(before);
    expect(await client.callTool({ name: 'work' })).toEqual(before);
  });
});

describe('what programs write to stdout besides messages', () => {
  test.each<[string, string]>([
    ['a banner', `raw('Server running on stdio\\n')`],
    ['colours', `raw('\\u001b[2J\\u001b[32mready\\u001b[0m\\n')`],
    ['an empty line', `raw('\\n\\r\\n')`],
    ['JSON of a logger', `raw('{"level":30,"msg":"listening"}\\n')`],
    ['a byte order mark', `raw('\\ufeff')`],
    ['half a line', `raw('loading… ')`],
    ['a title for the terminal', `raw('\\u001b]0;my server\\u0007')`],
    ['thousands of lines', `raw('debug\\n'.repeat(5_000))`],
  ])('(%s) costs no answer', async (_what, noise) => {
    await using client = new McpClient('field', program({ before: `${noise};`, on: `${noise};` }), CALM);
    expect(await client.callTool({ name: 'work' }, { timeoutMs: 10_000 })).toEqual(DONE);
  });
});

// On Windows the system ends them.
describe.skipIf(process.platform === 'win32')('a process ends with its host', () => {
  test.each<[string, string, NodeJS.Signals?]>([
    ['process.exit', 'process.exit(0)'],
    ['an uncaught error', `throw new Error('a bug')`],
    ['an unhandled rejection', `Promise.reject(new Error('a bug'))`],
    ['Ctrl-C', '', 'SIGINT'],
    ['SIGKILL', '', 'SIGKILL'],
  ])('by %s', async (_how, end, signal) => {
    const pidFile = join(folder(), 'pid');
    // It watches neither its stdin nor its parent.
    const config = program({
      before: `writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1_000);`,
    });
    const door = pathToFileURL(join(process.cwd(), 'dist/index.js')).href;
    const host = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { McpClient } = await import(${JSON.stringify(door)});
         const client = new McpClient('field', ${JSON.stringify(config)});
         await client.connect();
         console.log('ready');
         setTimeout(() => {}, 30_000);
         ${end}`,
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
    );
    const ended = once(host, 'exit');
    await once(host.stdout, 'data');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (signal !== undefined) process.kill(-(host.pid as number), signal);
    await ended;
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 10_000, interval: 100 });
  });
});

/** A process that has ended and that nobody has asked after is none. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || readFileSync(stat, 'utf8').split(') ')[1]?.[0] !== 'Z';
}

describe('a process on a terminal, which repeats all that it gets,', () => {
  const echo = `const stdin = process.stdin; stdin.on('data', (chunk) => raw(chunk));`;

  test('answers calls', async () => {
    await using client = new McpClient('field', program({ before: echo }), CALM);
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
  });

  test.each(['roots/list', 'of/others'])(
    'and asks %s under the id of a call, gives that call its own result',
    async (asked) => {
      const on = `
        if (method === 'tools/call') {
          send({ id, method: ${JSON.stringify(asked)} });
          return setTimeout(() => result({ content: [{ type: 'text', text: 'done' }] }), 200);
        }`;
      const handlers = { roots: async () => [{ uri: 'file:///a' }] };
      await using client = new McpClient('field', program({ before: echo, on }), { ...CALM, handlers });
      expect(await client.callTool({ name: 'work' })).toMatchObject({ content: [{ text: 'done' }] });
    },
  );
});
