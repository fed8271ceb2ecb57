import { ConfigError } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { commandOf, NPM, named, OCI, positional } from '../../fixtures/registry.js';

const path = { variables: { path: { isRequired: true } } };
const volume = { ...OCI, runtimeArguments: [named('-v', '{path}:/data', path)] };
const mount = { ...OCI, runtimeArguments: [named('--mount', 'type=bind,src={path},dst=/data', path)] };

describe('the folder that a caller gives is mounted whole, or not at all:', () => {
  test.each([
    ...['/srv/data,src=/', '/srv/data,readonly', '/srv:/etc', '/srv:/etc:ro', '/srv"', '"/srv"'],
    ...['/srv/../etc', '/srv/..', '/..', '../data', './data', 'data', '~/data', '/srv/./data', ' /srv', ''],
    ...['/srv\n,src=/', '/srv\r', '/srv\t', '/srv\u007f', '/srv\0', '--privileged', '-', '{path}'],
    ...[
      '/',
      '//',
      'C:\\',
      'd:/',
      'C:',
      'C:data',
      'CC:/data',
      'C:\\data\\..\\x',
      '\\\\host\\share',
      '//host:1/x',
    ],
  ])('not %j', async (given) => {
    for (const pack of [volume, mount])
      await expect(commandOf(pack, { path: given })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        path: expect.stringMatching(/^(inputs\.path|packages\.0\.runtimeArguments\.0)$/),
      });
  });

  test.each([
    ...['/srv', '/srv/data/', '/srv/..data/a..b/.ssh', "/srv/it's", '/srv/ä{x}$(y)'],
    ...['C:\\Users\\a b', 'c:/data'],
  ])('%j', async (given) => {
    expect((await commandOf(volume, { path: given })).args).toContain(`${given}:/data`);
    expect((await commandOf(mount, { path: given })).args).toContain(`type=bind,src=${given},dst=/data`);
  });

  test.each(['/srv:/data', '/srv:/data:ro', 'C:\\x:/data:rw'])('as the answer %j says', async (given) => {
    expect((await commandOf({ ...OCI, runtimeArguments: [named('-v')] }, { v: given })).args).toContain(
      given,
    );
  });

  test.each(['data:/data', '/srv:/data:ro,z', '/srv/../etc:/data', '/srv'])(
    'not as the answer %j says',
    async (given) => {
      const config = commandOf({ ...OCI, runtimeArguments: [named('-v')] }, { v: given });
      await expect(config).rejects.toMatchObject({ path: 'inputs.-v' });
    },
  );

  test('the target may be theirs, too', async () => {
    const variables = { path: {}, target: { default: '/data' } };
    const runtimeArguments = [named('-v', '{path}:{target}:ro', { variables })];
    const { args } = await commandOf({ ...OCI, runtimeArguments }, { path: '/a', target: '/b' });
    expect(args).toContain('/a:/b:ro');
    await expect(
      commandOf({ ...OCI, runtimeArguments }, { path: '/a', target: '/b:rw,exec' }),
    ).rejects.toMatchObject({ path: 'inputs.target' });
  });
});

describe('an answer', () => {
  test.each([
    ['--network', 'host'],
    ['--network', 'container:vault'],
    ['--name', 'a --privileged'],
    ['-w', '/a:b'],
    ['--tmpfs', '/a:exec'],
    ['-p', '8080:80'],
    ['-m', '1g --privileged'],
  ])('for %s has its form: not %s', async (name, answer) => {
    const argument = named(name, '{answer}', { variables: { answer: { isRequired: true } } });
    await expect(commandOf({ ...OCI, runtimeArguments: [argument] }, { answer })).rejects.toMatchObject({
      path: 'inputs.answer',
    });
  });

  test('for a variable may hold anything', async () => {
    const token = 'a,b:c"d\n-e --privileged {x} $(y) =';
    const argument = named('-e', 'TOKEN={token}', { variables: { token: { isRequired: true } } });
    const { args, env } = await commandOf({ ...OCI, runtimeArguments: [argument] }, { token });
    expect(env).toEqual({ TOKEN: token });
    expect(args).toEqual(['run', '-i', '--rm', '-e', 'TOKEN', 'ghcr.io/example/one:1.0.0']);
  });

  test('that begins with a dash is refused where it could be an option', async () => {
    const variables = { x: { isRequired: true } };
    for (const argument of [
      positional('{x}', { variables }),
      positional('{x}y', { variables }),
      named('-a', '{x}', { variables }),
    ]) {
      const config = commandOf({ ...NPM, packageArguments: [argument] }, { x: '-c' });
      await expect(config).rejects.toMatchObject({ path: 'inputs.x' });
    }
  });
});

test('whatever an entry says, docker gets the options of the list and the folders of the caller', async () => {
  const random = generator(7);
  const pick = <Value>(values: readonly Value[]) => values[Math.floor(random() * values.length)] as Value;
  const many = <Value>(most: number, make: () => Value) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, make);
  const PIECES = [
    ...['{folder}', '{folder}', '{target}', '{other}', '/', '/etc', '..', ',', ':', '"', "'", '=', ' ', '\n'],
    ...[
      '\\',
      'C:',
      'type=bind',
      'type=bind',
      'type=volume',
      'src=',
      'source=',
      'dst=',
      'target=',
      'readonly',
    ],
    ...[
      'ro',
      ':/data',
      'src={folder}',
      'dst=/data',
      'host',
      'none',
      'container:x',
      '--privileged',
      '-v',
      'A=',
    ],
  ];
  const GOOD: [name: string, value: string][] = [
    ['-v', '{folder}:/data'],
    ['--volume', '{folder}:{target}:ro'],
    ['--mount', 'type=bind,src={folder},dst=/data'],
    ['--mount', 'type=bind,source={folder},target={target},readonly'],
    ['--network', 'none'],
    ['-e', 'A={other}'],
    ['--rm', 'true'],
    ['--tmpfs', '/tmp'],
  ];
  const NAMES = [
    ...['-v', '--volume', '--mount', '--network', '-e', '--init', '-p', '--privileged', '-w', '', '--', '-'],
    ...['-it', '-H', '--read-only', '--net=none', 'run', '--pull', '--device', '--name', '-u'],
  ];
  const ANSWERS = [
    '/srv',
    '/srv/data',
    '/',
    '..',
    '/a,src=/',
    '/a:/b',
    '-v',
    'none',
    'host',
    '/x/../y',
    'a\nb',
  ];
  const broken = (value: string) => {
    const at = Math.floor(random() * (value.length + 1));
    return value.slice(0, at) + many(3, () => pick(PIECES)).join('') + value.slice(at);
  };
  let accepted = 0;
  let mounts = 0;
  for (let round = 0; round < 2_000; round++) {
    const inputs = { folder: pick(ANSWERS), target: pick(ANSWERS), other: pick(ANSWERS) };
    const variables = { folder: {}, target: { default: '/data' }, other: { choices: [inputs.other] } };
    const runtimeArguments = many(2, () => {
      const [good, value] = pick(GOOD);
      const name = random() < 0.8 ? good : pick(NAMES);
      const text = random() < 0.5 ? value : broken(value);
      const spelt = [
        named(name, text),
        named(`${name}=${text}`, ''),
        positional(`${name}=${text}`),
        positional(text),
      ];
      return { ...pick(random() < 0.7 ? spelt.slice(0, 1) : spelt), variables };
    });
    // All answers are asked for, so that none is refused as unknown.
    const environmentVariables = Object.keys(inputs).map((name) => ({ name }));
    const config = await commandOf({ ...OCI, runtimeArguments, environmentVariables }, inputs).catch(
      (thrown: unknown) => thrown,
    );
    if (config instanceof Error) {
      expect(config).toBeInstanceOf(ConfigError);
      continue;
    }
    accepted += 1;
    const sources = mountedBy((config as { args: readonly string[] }).args);
    mounts += sources.length;
    for (const source of sources) expect(source, JSON.stringify(runtimeArguments)).toBe(inputs.folder);
  }
  expect(accepted).toBeGreaterThan(150);
  expect(mounts).toBeGreaterThan(30);
});

/** Reads the arguments as docker does. */
function mountedBy([run, ...args]: readonly string[]): string[] {
  expect(run).toBe('run');
  const sources: string[] = [];
  for (let at = 0; args[at] !== 'ghcr.io/example/one:1.0.0'; at++) {
    const option = args[at];
    if (['-i', '--rm', '--init', '--read-only'].includes(option ?? '')) continue;
    at += 1;
    const value = args[at] ?? '';
    expect(value).not.toMatch(/^-/);
    if (option === '-v' || option === '--volume') {
      const [source = '', target, mode = 'rw', ...more] = value.split(':');
      expect([target?.startsWith('/'), ['ro', 'rw'].includes(mode), more]).toEqual([true, true, []]);
      sources.push(source);
    } else if (option === '--mount') {
      expect(value).not.toMatch(/["\n\r]/);
      const fields = value.split(',').map((field) => field.split('='));
      const of = (...keys: string[]) => fields.filter(([key = '']) => keys.includes(key));
      expect(of('type')).toEqual([['type', 'bind']]);
      expect(of('src', 'source')).toHaveLength(1);
      sources.push(of('src', 'source')[0]?.[1] ?? '');
    } else if (option === '--network' || option === '--net') expect(['none', 'bridge']).toContain(value);
    else expect(['-e', '-p', '--tmpfs', '--name', '-w', '-u', '--pull']).toContain(option);
  }
  return sources;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
