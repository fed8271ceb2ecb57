import type { RegistryInputValues } from 'mcp-fleet/config';
import { expect, test } from 'vitest';
import { commandOf, NPM, NUGET, named, OCI, PYPI, positional } from '../../fixtures/registry.js';

const image = 'ghcr.io/example/one:1.0.0';
const docker = ['docker', 'run', '-i', '--rm'];
const file = { isRequired: true, format: 'filepath' };

/** As publishers write them, in the registry and in their repositories. */
const ENTRIES: [name: string, pack: object, inputs: RegistryInputValues, command: readonly string[]][] = [
  [
    'io.github.github/github-mcp-server',
    {
      ...OCI,
      identifier: 'ghcr.io/github/github-mcp-server:0.30.3',
      runtimeArguments: [
        positional('run', { isRequired: true }),
        named('-i', 'true', { format: 'boolean', isRequired: true }),
        named('--rm', 'true', { format: 'boolean' }),
        named('-e', 'GITHUB_PERSONAL_ACCESS_TOKEN={token}', {
          isRequired: true,
          variables: { token: { isRequired: true, isSecret: true, format: 'string' } },
        }),
        positional('ghcr.io/github/github-mcp-server', { valueHint: 'image_name', isRequired: true }),
      ],
    },
    { token: 't' },
    [...docker, '-e', 'GITHUB_PERSONAL_ACCESS_TOKEN', 'ghcr.io/github/github-mcp-server:0.30.3'],
  ],
  [
    'app.lasers.guildcontrol/discord',
    {
      ...OCI,
      runtimeHint: 'docker',
      runtimeArguments: [
        positional('--read-only'),
        named('--mount', 'type=bind,source={config_file},target=/configuration/guildcontrol.json,readonly', {
          isRequired: true,
          variables: { config_file: file },
        }),
      ],
      packageArguments: [positional('serve'), positional('--config'), positional('/configuration/x.json')],
      environmentVariables: [{ name: 'DISCORD_BOT_TOKEN', isRequired: true, isSecret: true }],
    },
    { config_file: '/etc/gc.json', DISCORD_BOT_TOKEN: 't' },
    [
      ...[...docker, '--read-only', '--mount'],
      'type=bind,source=/etc/gc.json,target=/configuration/guildcontrol.json,readonly',
      ...['-e', 'DISCORD_BOT_TOKEN', image, 'serve', '--config', '/configuration/x.json'],
    ],
  ],
  [
    'a folder of notes',
    {
      ...OCI,
      runtimeArguments: [
        named('-v', '{VAULT_PATH}:/vault:rw', { isRequired: true, variables: { VAULT_PATH: file } }),
      ],
    },
    { VAULT_PATH: '/home/me/Notes' },
    [...docker, '-v', '/home/me/Notes:/vault:rw', image],
  ],
  [
    'a workspace without a network',
    {
      ...OCI,
      runtimeArguments: [
        named('--mount', 'type=bind,src={workspace},dst=/work', { variables: { workspace: file } }),
        named('--network', 'none'),
        named('--tmpfs', '/tmp:rw,noexec,nosuid,size=64m'),
        named('--user', '1000:1000'),
      ],
    },
    { workspace: '/srv' },
    [
      ...[...docker, '--mount', 'type=bind,src=/srv,dst=/work', '--network', 'none'],
      ...['--tmpfs', '/tmp:rw,noexec,nosuid,size=64m', '--user', '1000:1000', image],
    ],
  ],
  [
    'docker run, word by word',
    { ...OCI, runtimeArguments: [positional('run'), positional('-i'), positional('--rm')] },
    {},
    [...docker, image],
  ],
  [
    'options and their values in arguments of their own',
    {
      ...OCI,
      runtimeArguments: [
        ...[positional('run'), positional('-e'), positional('TOKEN'), positional('--pull=always')],
        ...[positional('-w'), positional('/app')],
      ],
      environmentVariables: [{ name: 'TOKEN' }],
    },
    { TOKEN: 't' },
    [...docker, '--pull', 'always', '-w', '/app', '-e', 'TOKEN', image],
  ],
  [
    'a port of this machine alone, for signing in',
    {
      ...OCI,
      runtimeArguments: [named('-p', '127.0.0.1:{port}:8080', { variables: { port: { default: '8765' } } })],
    },
    {},
    [...docker, '-p', '127.0.0.1:8765:8080', image],
  ],
  [
    'an image, and the registry it is in',
    {
      ...OCI,
      identifier: 'example/one',
      version: '1.0.0',
      registryBaseUrl: 'https://ghcr.io',
      runtimeArguments: [positional('ghcr.io/example/one:0.9')],
    },
    {},
    [...docker, image],
  ],
  [
    'com.pulsemcp/remote-filesystem',
    {
      ...NPM,
      registryBaseUrl: 'https://registry.npmjs.org',
      runtimeHint: 'npx',
      runtimeArguments: [positional('-y')],
      environmentVariables: [
        { name: 'GCS_BUCKET', isRequired: true },
        { name: 'GCS_MAKE_PUBLIC', default: 'false' },
      ],
    },
    { GCS_BUCKET: 'b' },
    ['npx', '-y', 'one-mcp@1.0.0'],
  ],
  [
    'all the words behind npx',
    {
      ...NPM,
      identifier: '@azure/mcp',
      version: '0.6.0',
      runtimeArguments: [
        positional('-y'),
        positional('@azure/mcp@latest'),
        positional('server'),
        positional('start'),
      ],
    },
    {},
    ['npx', '-y', '@azure/mcp@0.6.0', 'server', 'start'],
  ],
  [
    'ai.codenib/codenib',
    {
      ...PYPI,
      identifier: 'codenib',
      version: '0.2.3',
      runtimeHint: 'uvx',
      runtimeArguments: [named('--with', 'codenib[graph,mcp]==0.2.3')],
      packageArguments: [positional('mcp'), { type: 'positional', valueHint: 'repository', ...file }],
    },
    { repository: '/src' },
    ['uvx', '--with', 'codenib[graph,mcp]==0.2.3', 'codenib@0.2.3', 'mcp', '/src'],
  ],
  [
    'a version of Python',
    { ...PYPI, runtimeArguments: [named('--python', '3.12'), positional('--quiet')] },
    {},
    ['uvx', '--python', '3.12', '--quiet', 'one-mcp@1.0.0'],
  ],
  [
    'extras in the identifier',
    { ...PYPI, identifier: 'python-one[server]', packageArguments: [positional('mcp'), positional('serve')] },
    {},
    ['uvx', 'python-one[server]@1.0.0', 'mcp', 'serve'],
  ],
  [
    'dnx, told to say yes',
    { ...NUGET, runtimeArguments: [positional('--yes')], packageArguments: [positional('mcp')] },
    {},
    ['dnx', 'One.Mcp@1.0.0', '--yes', '--', 'mcp'],
  ],
];

test.each(ENTRIES)('%s', async (_name, pack, inputs, expected) => {
  const { command, args } = await commandOf(pack, inputs);
  expect([command, ...args]).toEqual(expected);
});

test('variables that packages need, whatever they look like', async () => {
  const names = [
    ...['NODE_ENV', 'NODE_URL', 'PYTHONUNBUFFERED', 'PYTHONIOENCODING', 'GIT_TOKEN', 'GIT_AUTHOR_NAME'],
    ...[
      'AWS_PROFILE',
      'KUBECONFIG',
      'GOOGLE_APPLICATION_CREDENTIALS',
      'USERNAME',
      'HOST',
      'PORT',
      'DEBUG',
      'TZ',
    ],
    ...[
      'CI',
      'LANG',
      'RUST_LOG',
      'JAVA_OPTS',
      'LOG_LEVEL',
      'ENV',
      'NPM_TOKEN',
      'PATHS',
      'MCP_HOME',
      'A',
      '_x',
    ],
  ];
  const environmentVariables = names.map((name) => ({ name, value: 'x' }));
  for (const pack of [NPM, PYPI, NUGET, OCI])
    expect(Object.keys((await commandOf({ ...pack, environmentVariables })).env)).toEqual(names);
});
