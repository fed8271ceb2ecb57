import { oneLine } from './inputs.js';
import { problemOfMount, problemOfTmpfs, problemOfVolume } from './mounts.js';
import { flags, implied, type Problem, type RunnerOption, valued } from './options.js';
import type { RegistryPackage } from './schema.js';
import type { Word } from './word.js';

/** How the packages of one kind are run. */
export interface Runner {
  readonly command: string;
  /** The first argument that publishers may repeat, for every package is run with it. */
  readonly subcommand?: string;
  /** `registryBaseUrl` of the registry that the command asks; another one's packages are other packages. */
  readonly registry: RegExp;
  readonly identifier: RegExp;
  readonly version: RegExp;
  /** What publishers may add to the command; nothing else. */
  readonly options: readonly RunnerOption[];
  /** How the command is told which package to run, in which version. */
  reference(pack: RegistryPackage): string;
  /** The package of a reference, whatever its version. */
  nameOf(reference: string): string;
  arguments(parts: {
    reference: string;
    runtime: readonly string[];
    own: readonly string[];
    env: readonly string[];
  }): string[];
}

/** One version, neither a range nor a tag that may move, nor a place to fetch from. */
const EXACT_VERSION = /^\d[0-9A-Za-z.+_-]*$/;
const PORT = String.raw`[1-9]\d{0,4}`;

export const RUNNERS: ReadonlyMap<string, Runner> = new Map<string, Runner>([
  [
    'npm',
    {
      command: 'npx',
      registry: /^https:\/\/registry\.npmjs\.org\/?$/,
      // `npx` takes what ends like a tarball for a file.
      identifier: /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$(?<!\.(?:tgz|tar|tar\.gz))/i,
      // With fewer parts it would be a range.
      version: /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/,
      options: [...implied('-y --yes'), ...flags('-q --quiet', '--prefer-offline', '--prefer-online')],
      reference: (pack) => versioned(pack, '@'),
      nameOf: (reference) => reference.replace(/(?<!^)@.*$/s, ''),
      arguments: ({ reference, runtime, own }) => ['-y', ...runtime, reference, ...own],
    },
  ],
  [
    'pypi',
    {
      command: 'uvx',
      registry: /^https:\/\/pypi\.org(\/simple)?\/?$/,
      // `uvx` takes these names for the interpreter itself, and runs the code that it is given.
      identifier:
        /^(?!(?:c?python|pythonw|pypy|graalpy|graalpython|pyodide)(?:\d[\w.]*)?(?:\[|$))[a-z0-9]([a-z0-9._-]*[a-z0-9])?(\[[a-z0-9._,-]+\])?$/i,
      version: EXACT_VERSION,
      options: [
        ...flags('-q --quiet', '--offline', '--isolated', '--no-progress'),
        valued('-p --python', /^3(\.\d{1,3}){0,2}$/, 'a version of Python such as 3.12'),
        { names: ['--with'], kind: 'value', problem: problemOfExtras },
      ],
      reference: (pack) => versioned(pack, '@'),
      nameOf: (reference) => reference.replace(/(?:@|==).*$/s, ''),
      arguments: ({ reference, runtime, own }) => [...runtime, reference, ...own],
    },
  ],
  [
    'nuget',
    {
      command: 'dnx',
      registry: /^https:\/\/api\.nuget\.org(\/v3\/index\.json)?\/?$/,
      identifier: /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/i,
      version: EXACT_VERSION,
      options: implied('-y --yes'),
      reference: (pack) => versioned(pack, '@'),
      nameOf: (reference) => reference.replace(/@.*$/s, ''),
      arguments: ({ reference, runtime, own }) => [
        reference,
        '--yes',
        ...runtime,
        ...(own.length > 0 ? ['--', ...own] : []),
      ],
    },
  ],
  [
    'oci',
    {
      command: 'docker',
      subcommand: 'run',
      registry: /^https:\/\/[a-z0-9][a-z0-9.-]*(:\d+)?\/?$/,
      identifier:
        /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d+(?=\/))?(\/[a-z0-9][a-z0-9._-]*)*(:\w[\w.-]*)?(@sha256:[0-9a-f]{64})?$(?<!:latest)/i,
      version: /^(?!latest$)\w[\w.-]*$/,
      options: [
        ...implied('-i --interactive', '--rm'),
        ...flags('--init', '--read-only'),
        { names: ['-e', '--env'], kind: 'environment', repeatable: true },
        { names: ['-v', '--volume'], kind: 'value', repeatable: true, problem: problemOfVolume },
        { names: ['--mount'], kind: 'value', repeatable: true, problem: problemOfMount },
        { names: ['--tmpfs'], kind: 'value', repeatable: true, problem: problemOfTmpfs },
        // Without an address the port would be open to everybody who reaches this machine.
        {
          ...valued(
            '-p --publish',
            new RegExp(`^(127\\.0\\.0\\.1|\\[::1\\]):${PORT}:${PORT}(/(tcp|udp))?$`),
            'a port of this machine alone, such as 127.0.0.1:8080:80',
          ),
          repeatable: true,
        },
        // Every other network is this machine's, or that of other containers.
        valued('--network --net', /^(none|bridge)$/, 'none or bridge'),
        valued('--name', /^[a-zA-Z0-9][\w.-]{0,100}$/, 'a name of a container'),
        valued('-w --workdir', /^\/[\w./@+-]*$/, 'an absolute path in the container'),
        valued('-u --user', /^\w[\w.-]*(:\w[\w.-]*)?$/, 'a user, or user:group'),
        valued('--platform', /^[a-z0-9]+(\/[a-z0-9_]+){0,2}$/, 'a platform such as linux/amd64'),
        valued('--pull', /^(always|missing|never)$/, 'always, missing or never'),
        valued('-m --memory', /^\d{1,15}[bkmg]?$/i, 'a size such as 512m'),
        valued('--cpus', /^\d{1,4}(\.\d{1,3})?$/, 'a number'),
      ],
      reference: image,
      nameOf: repositoryOf,
      arguments: ({ reference, runtime, own, env }) => [
        'run',
        '-i',
        '--rm',
        ...runtime,
        // By name only: values in arguments are for everybody on the machine to see.
        ...env.flatMap((name) => ['-e', name]),
        reference,
        ...own,
      ],
    },
  ],
]);

/** Why a package cannot be run here, whatever is answered. */
export function problemOfPackage(pack: RegistryPackage): string | undefined {
  const runner = RUNNERS.get(pack.registryType);
  if (runner === undefined) return `${oneLine(pack.registryType).slice(0, 40)} packages are not supported`;
  const { runtimeHint, registryBaseUrl, transport } = pack;
  if (transport.type !== 'stdio') return 'the package starts a server of its own instead of using stdio';
  if (runtimeHint !== undefined && runtimeHint !== '' && runtimeHint !== runner.command)
    return `it asks to be run by something else than ${runner.command}`;
  if (registryBaseUrl !== undefined && registryBaseUrl !== '' && !runner.registry.test(registryBaseUrl))
    return `it is in another registry than the one that ${runner.command} asks`;
  if (!runner.identifier.test(pack.identifier)) return 'its identifier is no name of a package';
  const pinned = pack.registryType === 'oci' && isPinned(pack.identifier);
  if (!pinned && !runner.version.test(pack.version ?? '')) return 'it has no exact version';
  return undefined;
}

/** `--with` the package itself, in its own version, for the sake of its extras. */
function problemOfExtras({ text }: Word, { identifier, version }: RegistryPackage): Problem | undefined {
  const [, name = '', asked] = /^([a-z0-9._-]+)(?:\[[a-z0-9._,-]+\])?==(.+)$/i.exec(text) ?? [];
  const own = projectName(name) === projectName(identifier.replace(/\[.*$/, '')) && asked === version;
  return own ? undefined : { text: 'expected the package itself, in its own version' };
}

/** PyPI takes several spellings for one name (PEP 503). */
function projectName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

function versioned({ identifier, version }: RegistryPackage, separator: string): string {
  return `${identifier}${separator}${version}`;
}

function image(pack: RegistryPackage): string {
  const { identifier, registryBaseUrl = '' } = pack;
  const host = registryBaseUrl.replace(/^https:\/\//, '').replace(/\/$/, '');
  const elsewhere = host !== '' && host !== 'docker.io' && !identifier.startsWith(`${host}/`);
  const name = elsewhere ? `${host}/${identifier}` : identifier;
  return isPinned(identifier) ? name : versioned({ ...pack, identifier: name }, ':');
}

function repositoryOf(reference: string): string {
  const [name = ''] = reference.replace(/^docker\.io\//, '').split('@', 1);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/** With a tag or a digest. A colon before the last slash is that of a port. */
function isPinned(identifier: string): boolean {
  return /[:@]/.test(identifier.slice(identifier.lastIndexOf('/') + 1));
}
