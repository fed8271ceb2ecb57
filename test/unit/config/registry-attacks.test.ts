import { ConfigError } from 'mcp-fleet';
import type { RegistryInputValues } from 'mcp-fleet/config';
import { describe, expect, test } from 'vitest';
import { commandOf, NPM, NUGET, named, OCI, PYPI, positional } from '../../fixtures/registry.js';

const words = (text: string) => text.trim().split(/\s+/);

/** An option as commands take it: a name and its value, one word, or two. */
function spellings(name: string, value: string, more: object = {}): object[][] {
  return [
    [named(name, value, more)],
    [named(`${name}=${value}`, '', more)],
    [named(`${name} ${value}`, '', more)],
    [named(`${name}${value}`, '', more)],
    [positional(`${name}=${value}`, more)],
    [positional(`${name}${value}`, more)],
    [positional(`${name} ${value}`, more)],
    [positional(name), positional(value, more)],
  ];
}

async function expectRefused(pack: object, inputs?: RegistryInputValues): Promise<void> {
  const result = await commandOf(pack, inputs).catch((thrown: unknown) => thrown);
  expect(result, JSON.stringify({ pack, inputs })).toBeInstanceOf(ConfigError);
  expect((result as ConfigError).path).toMatch(/^(packages\.0|inputs|name)(\.|$)/);
}

const path = { variables: { path: { isRequired: true } } };
const given = { path: '/srv/data' };

describe('no publisher mounts', () => {
  const VOLUMES: [value: string, more?: object, inputs?: RegistryInputValues][] = [
    ...words(`
      /:/host /var/run/docker.sock:/var/run/docker.sock other-apps-data:/data ./:/data ~:/data C:\\:/data
      \\\\server\\share:/data $HOME:/host {HOME}:/host /data
    `).map((value): [string] => [value]),
    ...words(`
      {path}/../../../..:/host {path}/..:/host {path}/.ssh:/host {path}x:/host /{path}:/host /etc{path}:/host
      {path}{path}:/host {path}:/data:rw,exec {path}:/data:shared {path}:/data:Z {path}:/data:ro:rw
      {path}:/data:nocopy {path}:/../data {path}:/a/./b {path}:/ {path}:data {path}: :{path} {path} ::{path}:/x
    `).map((value): [string, object, RegistryInputValues] => [value, path, given]),
    ['{path}:/host', { variables: { path: { default: '/' } } }],
    ['{path}:/host', { variables: { path: { value: '/' } } }],
    ['{path}:/host', { variables: { path: { choices: ['/'] } } }, { path: '/' }],
    ['{a}{b}:/host', { variables: { a: {}, b: {} } }, { a: '/srv', b: '/../etc' }],
  ];

  test.each(VOLUMES)('the volume %s %o', async (value, more, inputs) => {
    for (const name of ['-v', '--volume'])
      for (const runtimeArguments of spellings(name, value, more))
        await expectRefused({ ...OCI, runtimeArguments }, inputs);
  });

  test.each([
    'type=bind,src=/,dst=/host',
    'type=bind,source=/etc,target=/host',
    'type=bind,src={path}/../..,dst=/host',
    'type=bind,src=/{path},dst=/host',
    'type=bind,src={path},dst=/host,src=/',
    'type=bind,src={path},dst=/host,source=/',
    'type=bind,src=/,dst=/host,source={path}',
    'type=bind,source={path},dst=/a,"src=/etc"',
    'type=bind,"source={path}",dst=/a',
    'type=bind,SRC=/,src={path},dst=/a',
    'type=bind, src=/,src={path},dst=/a',
    'type=bind,src ={path},dst=/a',
    'type=bind,src={path},dst=/a,dst=/b',
    'type=bind,src={path},dst=/a,destination=/b',
    'type=bind,type=bind,src={path},dst=/a',
    'type=bind,src={path},dst=/a,readonly,ro=false',
    'type=bind,src={path},dst=/a,readonly=false',
    'type=bind,src={path},dst=/a,bind-propagation=rshared',
    'type=bind,src={path},dst=/a,bind-recursive=enabled',
    'type=bind,src={path},dst=/a,bind-create-src=true',
    'type=bind,src={path},dst=/a,consistency=cached',
    'type=bind,src={path},dst=/a,',
    'type=bind,src={path},dst=/a\nsrc=/',
    'type=bind,src={path},dst=/a\r\n,src=/',
    'type=bind,src={path},dst=a',
    'type=bind,src={path},dst=/',
    'type=bind,src={path},dst=/a/../..',
    'type=bind,src={path}',
    'type=bind,dst={path}',
    'type=volume,src={path},dst=/a',
    'type=volume,src=other-apps-data,dst=/a',
    'type=volume,dst=/a,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device={path}',
    'type=npipe,src={path},dst=/a',
    'type=image,src={path},dst=/a',
    'type=tmpfs,dst=/a,tmpfs-mode=1777',
    'src={path},dst=/a',
    'TYPE=bind,src={path},dst=/a',
    '{path}',
    '',
  ])('%j', async (value) => {
    for (const runtimeArguments of spellings('--mount', value, path))
      await expectRefused({ ...OCI, runtimeArguments }, given);
  });
});

describe('no publisher runs', () => {
  test.each(
    words(`
      --privileged --privileged=true -t -it -itv -iv/:/host -v/:/host -d -- - --publish-all -P --detach --rm=no
      -i=x --oom-kill-disable --no-healthcheck --tty --help --use-api-socket --disable-content-trust exec sh
      -H=tcp://evil.example.com:2375 --host=tcp://e --context=evil --config=/tmp -c=evil -l=x --Rm --RM -I
      --env-file=/tmp/e --mounts --net-alias=x --no-rm --init=/bin/sh --read-only=/ docker container
    `),
  )('docker run %s', async (word) => {
    for (const argument of [positional(word), named(word, '')]) {
      await expectRefused({ ...OCI, runtimeArguments: [argument] });
      await expectRefused({ ...OCI, runtimeArguments: [positional('run'), argument] });
      await expectRefused({ ...OCI, runtimeArguments: [argument, positional('run')] });
    }
  });

  const VALUED: [name: string, value: string][] = [
    ...['--network', '--net'].flatMap((name) =>
      words(`host Host container:vault my-network name=host ns:/proc/1/ns/net none,host slirp4netns default`)
        .concat('', ' host', 'host\n')
        .map((value): [string, string] => [name, value]),
    ),
    ...words(`
      --device --device-cgroup-rule --gpus --cap-add --security-opt --pid --ipc --uts --userns --cgroupns
      --cgroup-parent --group-add --volumes-from --volume-driver --env-file --label --label-file --add-host
      --entrypoint --runtime --hostname -h --cidfile --log-driver --log-opt --storage-opt --sysctl --ulimit --dns
      --link --network-alias --ip --mac-address --annotation --isolation --restart --health-cmd -H --host --context
      --config --tlscacert -a --attach --expose --shm-size --oom-score-adj --stop-signal --blkio-weight
      --memory-swap --pids-limit -l -c --privileged
    `).map((name): [string, string] => [name, 'host']),
    ['-p', '8080:80'],
    ['-p', '0.0.0.0:8080:80'],
    ['-p', '127.0.0.1:8080-8090:80-90'],
    ['-p', '127.0.0.1::80'],
    ['-p', '127.0.0.1:0:80'],
    ['--publish', '80'],
    ['--name', '-x'],
    ['--name', 'a b'],
    ['-w', 'relative'],
    ['-u', '0:0:0'],
    ['--user', '-1'],
    ['--pull', 'evil'],
    ['--platform', '--privileged'],
    ['-m', '-1'],
    ['--cpus', '1e9'],
    ['--tmpfs', '/tmp:rw,exec'],
    ['--tmpfs', '/tmp:suid'],
    ['--tmpfs', '/tmp:dev'],
    ['--tmpfs', '/'],
    ['--tmpfs', '/run/..'],
    ['--tmpfs', 'tmp'],
    ['-e', 'A B=x'],
    ['-e', '=x'],
    ['-e', '--privileged'],
  ];

  test.each(VALUED)('docker run %s %j', async (name, value) => {
    for (const runtimeArguments of spellings(name, value)) await expectRefused({ ...OCI, runtimeArguments });
  });

  test.each([
    ['an option that is left out', [named('--privileged')]],
    ['an option that is left out', [named('--device', undefined, { isRequired: false })]],
    ['an option twice', [named('--network', 'none'), named('--net', 'bridge')]],
    ['an option twice', [named('-m', '1g'), positional('--memory=2g')]],
    ['an option without its value', [positional('--name')]],
    ['an option without its value', [named('--network', '')]],
    ['an option without its value', [positional('-e'), named('--rm', '')]],
    ['a variable twice', [named('-e', 'A=1'), named('--env', 'A=2')]],
    ['two values', [named('--network=none', 'host')]],
    ['an option before run', [positional('--init'), positional('run')]],
    ['run twice', [positional('run'), positional('run')]],
    ['another image', [positional('evil/one:1.0.0')]],
    ['another image', [positional('run'), positional('ghcr.io/example/one-evil')]],
    ['a NUL character', [named('-e', 'A=a\0b')]],
    ['a text for a flag', [named('--init', '/bin/sh')]],
  ])('docker with %s: %o', async (_what, runtimeArguments) => {
    await expectRefused({ ...OCI, runtimeArguments });
  });

  const OTHERS: [runner: string, pack: object, words: string[]][] = [
    [
      'npx',
      NPM,
      words(`
        --registry=https://evil.example.com -c --call=curl --package=evil -p -p=evil --node-options=--require=/tmp/x.js
        --userconfig=/tmp/npmrc --script-shell=/tmp/x --prefix=/ --no-install --yes=no --cache=/tmp --offline
        --workspace=x -w --ignore-scripts evil@1.0.0 file:/tmp/x ./x -- - -yc --loglevel=silly
        --@x:registry=https://e --globalconfig=/tmp/npmrc --git=/tmp/x --node-arg=-r -n --shell=/tmp/x
      `),
    ],
    [
      'uvx',
      PYPI,
      words(`
        --from --from=git+https://evil.example.com/x --from=one-mcp==1.0.0 --with=evil --with=one-mcp
        --with=evil==1.0.0 --with=one-mcp==2.0.0 --with=one-mcp[a]==1.0.0,evil --with=one-mcp@https://e
        --with-editable=. --with-requirements=/tmp/r --index-url=https://e --index=https://e --default-index=https://e
        --extra-index-url=https://e --find-links=/tmp -i -f --python=/tmp/python -p=/tmp/python -p3.12
        --python=python3.12 --python=3.12@/x --env-file=/tmp/e --config-file=/tmp/c --directory=/ --project=/ sh
        --refresh --prerelease=allow --allow-insecure-host=e --native-tls --overrides=/x -- --torch-backend=x
      `),
    ],
    [
      'dnx',
      NUGET,
      words(`
        --source=https://e --add-source=https://e --configfile=/tmp/c --prerelease --interactive --allow-roll-forward
        --verbosity=diag -v --version=2 -- Evil.Tool --ignore-failed-sources
      `),
    ],
  ];

  for (const [runner, pack, tried] of OTHERS)
    test.each(tried)(`${runner} %s`, async (word) => {
      const [, name = word, value = 'x'] = /^(.*?)=(.*)$/.exec(word) ?? [];
      for (const runtimeArguments of [
        [positional(word)],
        [named(word, '')],
        [named(name, value)],
        [positional(name), positional(value)],
      ])
        await expectRefused({ ...pack, runtimeArguments });
    });

  test.each([
    ['an option', { ...OCI, identifier: '--privileged' }],
    ['an option as host', { ...OCI, identifier: 'etc', version: '1', registryBaseUrl: 'https://-v' }],
    ['an option as host', { ...OCI, identifier: 'x', version: '1', registryBaseUrl: 'https://--privileged' }],
    ['a tag that moves', { ...OCI, identifier: 'example/one:latest', version: '1.0.0' }],
    ['a path', { ...OCI, identifier: '../one:1' }],
    ['an archive', { ...NPM, identifier: 'evil.tgz' }],
    ['an archive', { ...NPM, identifier: '@evil/x.tar.gz' }],
    ['a file', { ...NPM, identifier: 'one@file:/tmp/x' }],
    ['a repository', { ...NPM, identifier: 'evil/one' }],
    ['an alias', { ...NPM, identifier: 'one@npm:evil' }],
    ['an option', { ...NPM, identifier: '-c' }],
    ['a URL', { ...PYPI, identifier: 'one @ https://evil.example.com/x.whl' }],
    ['a repository', { ...PYPI, identifier: 'git+https://evil.example.com/x' }],
    ['a folder', { ...PYPI, identifier: '.' }],
    ['the interpreter', { ...PYPI, identifier: 'python', version: '3.12' }],
    ['the interpreter', { ...PYPI, identifier: 'Python3.12', version: '3.12' }],
    ['the interpreter', { ...PYPI, identifier: 'pypy', version: '3.10' }],
    ['an option', { ...NUGET, identifier: '--source' }],
    ['node', { ...NPM, runtimeHint: 'node' }],
    ['python', { ...PYPI, runtimeHint: 'python' }],
    ['podman', { ...OCI, runtimeHint: 'podman' }],
    ['sh', { ...NPM, runtimeHint: 'sh' }],
  ])('%s as a package: %o', async (_what, pack) => {
    await expectRefused(pack);
  });

  test('options of docker behind the image: they are arguments of the image', async () => {
    const tried = ['--privileged', '-v', '/:/host'].map((word) => positional(word));
    const expected = ['ghcr.io/example/one:1.0.0', '--privileged', '-v', '/:/host'];
    const own = await commandOf({ ...OCI, packageArguments: tried });
    expect(own.args.slice(-4)).toEqual(expected);
    const behind = await commandOf({
      ...OCI,
      runtimeArguments: [positional('ghcr.io/example/one'), ...tried],
    });
    expect(behind.args.slice(-4)).toEqual(expected);
  });
});

describe('no publisher sets', () => {
  test.each(
    words(`
      NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_V8_COVERAGE LD_PRELOAD LD_AUDIT
      LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES GCONV_PATH OPENSSL_CONF PATH Path HOME USERPROFILE XDG_CONFIG_HOME APPDATA
      TMPDIR COMSPEC PATHEXT PREFIX npm_config_registry NPM_CONFIG_USERCONFIG npm_config_node_options npm_execpath
      PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONINSPECT PYTHONBREAKPOINT UV_INDEX_URL UV_DEFAULT_INDEX
      UV_CONFIG_FILE UV_PYTHON PIP_INDEX_URL VIRTUAL_ENV DOCKER_HOST docker_host DOCKER_CONFIG DOCKER_CONTEXT
      CONTAINERS_CONF CONTAINER_HOST BASH_ENV SHELLOPTS BASHOPTS PS4 IFS PROMPT_COMMAND ZDOTDIR SHELL GIT_SSH_COMMAND
      DOTNET_STARTUP_HOOKS NUGET_PACKAGES CORECLR_PROFILER_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS RUBYOPT PERL5OPT
      PERL5LIB GIT_CONFIG_GLOBAL SSH_ASKPASS SSL_CERT_FILE HTTPS_PROXY http_proxy SSLKEYLOGFILE GODEBUG
    `),
  )('the variable %s', async (name) => {
    const variables = { y: {} };
    for (const pack of [NPM, PYPI, NUGET, OCI]) {
      await expectRefused({ ...pack, environmentVariables: [{ name, value: 'x' }] });
      await expectRefused({ ...pack, environmentVariables: [{ name, default: 'x' }] });
      await expectRefused({ ...pack, environmentVariables: [{ name, choices: ['x'] }] }, { [name]: 'x' });
      const environmentVariables = [{ name, value: 'x{y}', variables }];
      await expectRefused({ ...pack, environmentVariables }, { y: 'z' });
    }
    for (const runtimeArguments of spellings('-e', `${name}=x`))
      await expectRefused({ ...OCI, runtimeArguments });
    const argument = named('--env', `${name}={y}z`, { variables });
    await expectRefused({ ...OCI, runtimeArguments: [argument] }, { y: 'x' });
    await expectRefused({ ...OCI, runtimeArguments: [named('-e', '{y}=x', { variables })] }, { y: name });
  });

  test('them for the caller, even where nothing else is left to choose; without a value they are nothing', async () => {
    const pack = { ...NPM, environmentVariables: [{ name: 'NODE_OPTIONS' }] };
    await expectRefused(pack, { NODE_OPTIONS: '--inspect' });
    expect((await commandOf(pack)).env).toEqual({});
  });

  test('whom the command trusts: callers do', async () => {
    const name = 'NODE_EXTRA_CA_CERTS';
    const { env } = await commandOf({ ...NPM, environmentVariables: [{ name }] }, { [name]: '/etc/ca.pem' });
    expect(env).toEqual({ [name]: '/etc/ca.pem' });
  });

  test('a variable that the caller has answered', async () => {
    const environmentVariables = [{ name: 'API_URL', isRequired: true }];
    const runtimeArguments = [named('-e', 'API_URL=https://evil.example.com')];
    const inputs = { API_URL: 'https://own.example.com' };
    await expectRefused({ ...OCI, environmentVariables, runtimeArguments }, inputs);
  });
});

describe('a caller', () => {
  test('is told which argument it is, and what to do', async () => {
    await expect(commandOf({ ...OCI, runtimeArguments: [named('--privileged', '')] })).rejects.toThrow(
      'packages.0.runtimeArguments.0: "--privileged" is not an argument that publishers may give to docker; ' +
        'if you trust it, write the command in your own configuration',
    );
    await expect(commandOf({ ...OCI, runtimeArguments: [named('--network', 'host')] })).rejects.toThrow(
      'packages.0.runtimeArguments.0: --network: expected none or bridge; if you trust it, write the command',
    );
  });

  test('finds no answer in an error: it may be a secret', async () => {
    const runtimeArguments = [
      named('-v', '{path}:/data', path),
      positional('{flag}', { variables: { flag: {} } }),
    ];
    for (const inputs of [
      { path: 'CANARY:/x', flag: 'x' },
      { path: '/srv', flag: 'CANARY' },
    ]) {
      const error = await commandOf({ ...OCI, runtimeArguments }, inputs).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).stack).not.toContain('CANARY');
    }
  });
});
