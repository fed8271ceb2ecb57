// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of configurations
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, clientCredentials, staticToken } from 'mcp-fleet';
import { loadConfig } from 'mcp-fleet/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/canonical-json.js';

const SAMPLES = 'test/fixtures/config';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-fleet-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(content: string | Uint8Array): Promise<string> {
  const file = join(folder, 'mcp.json');
  await writeFile(file, content);
  return file;
}

async function faultOf(content: string | Uint8Array): Promise<ConfigError> {
  return fault(await written(content));
}

async function fault(file: string | URL): Promise<ConfigError> {
  const error = await loadConfig(file, { env: {} }).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error;
}

describe('a file as it was written for', () => {
  test('Claude Desktop', async () => {
    expect(await loadConfig(`${SAMPLES}/claude-desktop.json`)).toEqual({
      filesystem: {
        command: 'npx',
        args: [
          '-y',
          '@modelcontextprotocol/server-filesystem',
          '/Users/username/Desktop',
          '/Users/username/Downloads',
        ],
      },
      github: {
        command: 'docker',
        args: ['run', '-i', '--rm', '-e', 'GITHUB_PERSONAL_ACCESS_TOKEN', 'ghcr.io/github/github-mcp-server'],
        env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'ghp_example' },
      },
    });
  });

  test('Claude Code', async () => {
    const env = { AIRTABLE_API_KEY: 'pat', API_KEY: 'key' };
    expect(await loadConfig(`${SAMPLES}/claude-code.json`, { env })).toEqual({
      airtable: {
        type: 'stdio',
        command: 'npx',
        args: ['-y', 'airtable-mcp-server'],
        env: { AIRTABLE_API_KEY: 'pat' },
        callTimeoutMs: 600_000,
      },
      'api-server': {
        type: 'http',
        url: 'https://api.example.com/mcp',
        headers: { Authorization: 'Bearer key' },
      },
      linear: { type: 'sse', url: 'https://mcp.linear.app/sse' },
      events: { type: 'ws', url: 'wss://mcp.example.com/socket' },
      empty: { type: 'stdio', command: 'my-server', args: [], env: {} },
    });
  });

  test('Cursor, with the variables of its envFile', async () => {
    const env = { API_KEY: 'key', MY_SERVICE_TOKEN: 'token', workspaceFolder: '/work' };
    expect(await loadConfig(`${SAMPLES}/cursor.json`, { env })).toEqual({
      'local-server': {
        type: 'stdio',
        command: 'python',
        args: ['/work/tools/mcp_server.py'],
        env: { API_KEY: 'key', LOG_LEVEL: 'debug' },
      },
      'web-api': { url: 'https://api.example.com/mcp', headers: { Authorization: 'Bearer token' } },
    });
  });

  test('VS Code, with comments, inputs and trailing commas', async () => {
    expect(await loadConfig(`${SAMPLES}/vscode.jsonc`, { env: { 'input:perplexity-key': 'pplx' } })).toEqual({
      github: { url: 'https://api.githubcopilot.com/mcp/', type: 'http' },
      perplexity: {
        type: 'stdio',
        command: 'npx',
        args: ['-y', 'server-perplexity-ask'],
        env: { PERPLEXITY_API_KEY: 'pplx', RETRIES: '3' },
      },
      remote: { type: 'sse', url: 'http://api.contoso.com/sse', headers: { VERSION: '1.2' } },
    });
  });

  test('Windsurf', async () => {
    expect(await loadConfig(`${SAMPLES}/windsurf.json`, { env: { AUTH_TOKEN: 'x' } })).toEqual({
      'remote-http-mcp': { url: 'https://mcp.example.com/mcp', headers: { API_KEY: 'Bearer x' } },
    });
  });

  test('the original service', async () => {
    const servers = await loadConfig(`${SAMPLES}/original-service.json`, { env: { CLIENT_SECRET: 'hush' } });
    const my_server = {
      url: 'http://localhost:8001',
      callTimeoutMs: 30_000,
      headers: { 'X-Team': 'billing' },
      auth: clientCredentials({
        clientId: 'client_id',
        clientSecret: 'hush',
        tokenUrl: 'https://auth.example.com/token',
        scopes: ['tools:read', 'tools:call'],
      }),
    };
    const other_server = {
      url: 'http://localhost:8002',
      callTimeoutMs: 2_500,
      headers: {},
      auth: staticToken('a-token'),
    };
    expect(canonicalJson(servers)).toBe(canonicalJson({ my_server, other_server }));
  });

  test('this library, with every option', async () => {
    const env = { CLIENT_SECRET: 'hush', TOKEN: 'token' };
    const { everything, plain } = await loadConfig(`${SAMPLES}/all-options.json`, { env });
    const auth = clientCredentials({
      clientId: 'report-service',
      clientSecret: 'hush',
      issuer: 'https://login.example.com',
      scopes: ['contacts:read'],
      resource: false,
      parameters: { audience: 'https://api.example.com' },
      clientAuth: 'client_secret_basic',
      timeoutMs: 5_000,
    });
    expect(canonicalJson(everything)).toBe(
      canonicalJson({
        type: 'http',
        url: 'https://mcp.example.com/mcp',
        headers: { 'X-Team': 'billing' },
        auth,
        clientInfo: { name: 'reports', version: '1.0.0' },
        connectTimeoutMs: 5_000,
        callTimeoutMs: 30_000,
        retry: { attempts: 5, baseDelayMs: 50, maxDelayMs: 1_000 },
        circuitBreaker: {
          consecutiveFailures: 3,
          failureRatio: 0.4,
          minimumCalls: 5,
          windowMs: 10_000,
          openMs: 1_000,
          maxOpenMs: 8_000,
        },
        healthCheck: { intervalMs: 10_000, timeoutMs: 1_000, threshold: 3 },
        cache: { listTtlMs: 60_000, toolTtlMs: 1_000, resourceTtlMs: 1_000, maxEntries: 10 },
        maxConcurrency: 8,
        maxQueue: 0,
        trustAnnotations: true,
        maxResponseBytes: 1_048_576,
        tools: { allow: ['read_*'], deny: ['*_private'] },
      }),
    );
    expect(plain).toMatchObject({ retry: false, circuitBreaker: false, healthCheck: false, cache: false });
  });
});

describe('a file', () => {
  const GOOD = '{"servers": {"a": {"url": "https://x.test/"}}}';
  const SERVERS = { a: { url: 'https://x.test/' } };

  test('may be given as a URL, be a link, and begin with a byte order mark', async () => {
    const file = await written(`\uFEFF${GOOD}`);
    expect(await loadConfig(pathToFileURL(file))).toEqual(SERVERS);
    await symlink(file, join(folder, 'link.json'));
    expect(await loadConfig(join(folder, 'link.json'))).toEqual(SERVERS);
  });

  test.each([
    ['nothing', ''],
    ['spaces', ' \n\t'],
    ['a byte order mark', '\uFEFF'],
    ['a comment', '// later'],
  ])('with %s in it says that there is no value', async (_what, content) => {
    const error = await faultOf(content);
    expect(error.message).toMatch(/mcp\.json: is empty$/);
  });

  test.each([
    ['{"servers": {"a": {"url": "https://canary"}}', 'close brace expected', 'line 1, column 45'],
    ['{\n  "servers": {\r\n    "a": { "url": canary }\n  }\n}', 'invalid symbol', 'line 3, column 19'],
    ['{"servers": {}} "canary"', 'end of file expected', 'line 1, column 17'],
    ['{"servers": {"a": "canary}}', 'unexpected end of string', 'line 1, column 19'],
    ["{'servers': 'canary'}", 'invalid symbol', 'line 1, column 2'],
  ])('that is no JSON says where, and not what: %j', async (content, what, place) => {
    const { message, path } = await faultOf(content);
    expect(path).toBe('');
    expect(message).toContain(`mcp.json: is not JSON (${what}) at ${place}`);
    expect(message).not.toContain('canary');
  });

  test('with a fault says the path and the line', async () => {
    const error = await faultOf(
      '{\n  "servers": {\n    "a": {\n      "url": "https://x",\n      "heders": {} } } }',
    );
    expect(error.path).toBe('servers.a.heders');
    expect(error.message).toMatch(
      /^servers\.a\.heders: is not an option; did you mean headers\? \(.*mcp\.json, line 5, column 7\)$/,
    );
    const missing = await faultOf('[\n  {"name": "a", "headers": {"x.y": "bad\\n"}, "url": "https://x"}]');
    expect(missing.message).toContain('line 2, column 17');
  });

  test('with the same name twice is refused', async () => {
    const error = await faultOf('{"servers": {\n"a": {"command": "x"},\n"a": {"command": "y"}}}');
    expect(error.path).toBe('servers.a');
    expect(error.message).toContain('is there twice, the second time at line 3, column 1');
  });

  test.each([
    ['brackets', `${'['.repeat(100_000)}`],
    ['objects', `${'{"a":'.repeat(100_000)}`],
  ])('with %s in one another without end is refused', async (_what, content) => {
    expect((await faultOf(content)).message).toContain('nested too deeply');
  });

  test('that is too large, no UTF-8, no file or not there is refused', async () => {
    expect((await faultOf(`"${'x'.repeat(1_048_576)}"`)).message).toContain('is larger than 1048576 bytes');
    expect((await faultOf(new Uint8Array([0xff, 0xfe, 0x7b, 0]))).message).toContain('is not UTF-8');
    await mkdir(join(folder, 'sub'), { recursive: true });
    expect((await fault(join(folder, 'sub'))).message).toContain('is a directory');
    expect((await fault(join(folder, 'nowhere', 'mcp.json'))).message).toContain('does not exist');
    expect((await fault(join(folder, 'link.json', 'x'))).message).toContain('does not exist');
    expect((await fault('/dev/null')).message).toContain('is not a file');
    for (const path of ['', undefined, 7, new URL('https://x.test/')])
      expect((await fault(path as never)).path).toBe('path');
  });

  test('whose envFile is not there is refused', async () => {
    const error = await faultOf('{"servers": {"a": {"command": "x", "envFile": "missing.env"}}}');
    expect(error.message).toMatch(/missing\.env does not exist \(.*mcp\.json, line 1, column 36\)$/);
    expect(error.path).toBe('servers.a.envFile');
  });

  test('cannot change the prototype of anything', async () => {
    const error = await faultOf('{"servers": {"a": {"url": "https://x", "__proto__": {"command": "x"}}}}');
    expect(error.path).toBe('servers.a.__proto__');
    expect(({} as { command?: unknown }).command).toBeUndefined();
  });
});
