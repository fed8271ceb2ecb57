import { oneLine } from './registry-inputs.js';
import type { RegistryPackage } from './registry-schema.js';

/** How the packages of one kind are run. */
export interface Runner {
  readonly command: string;
  /** `registryBaseUrl` of the registry that the command asks; another one's packages are other packages. */
  readonly registry: RegExp;
  readonly identifier: RegExp;
  readonly version: RegExp;
  /** Options that publishers may add to the command: without a value, and with one. */
  readonly flags: readonly string[];
  readonly options: readonly string[];
  arguments(parts: { pack: RegistryPackage; runtime: string[]; own: string[]; env: string[] }): string[];
}

/** One version, neither a range nor a tag that may move, nor a place to fetch from. */
const EXACT_VERSION = /^\d[0-9A-Za-z.+_-]*$/;

export const RUNNERS: ReadonlyMap<string, Runner> = new Map<string, Runner>([
  [
    'npm',
    {
      command: 'npx',
      registry: /^https:\/\/registry\.npmjs\.org\/?$/,
      identifier: /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/i,
      // With fewer parts it would be a range.
      version: /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/,
      flags: words('-y --yes -q --quiet --prefer-offline --prefer-online'),
      options: [],
      arguments: ({ pack, runtime, own }) => [...new Set(['-y', ...runtime]), versioned(pack, '@'), ...own],
    },
  ],
  [
    'pypi',
    {
      command: 'uvx',
      registry: /^https:\/\/pypi\.org(\/simple)?\/?$/,
      identifier: /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(\[[a-z0-9._,-]+\])?$/i,
      version: EXACT_VERSION,
      flags: words('-q --quiet --offline --isolated --no-progress'),
      options: words('-p --python'),
      arguments: ({ pack, runtime, own }) => [...runtime, versioned(pack, '@'), ...own],
    },
  ],
  [
    'nuget',
    {
      command: 'dnx',
      registry: /^https:\/\/api\.nuget\.org(\/v3\/index\.json)?\/?$/,
      identifier: /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/i,
      version: EXACT_VERSION,
      flags: words('-y --yes'),
      options: [],
      arguments: ({ pack, runtime, own }) => [
        versioned(pack, '@'),
        ...new Set(['--yes', ...runtime]),
        ...(own.length > 0 ? ['--', ...own] : []),
      ],
    },
  ],
  [
    'oci',
    {
      command: 'docker',
      registry: /^https:\/\/[a-z0-9.-]+(:\d+)?\/?$/,
      identifier:
        /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d+(?=\/))?(\/[a-z0-9._-]+)*(:\w[\w.-]*)?(@sha256:[0-9a-f]{64})?$/i,
      version: /^(?!latest$)\w[\w.-]*$/,
      flags: words('run -i --interactive --rm --init --read-only'),
      options: words('-e --env -v --volume --mount -p --publish --network --net --name -w --workdir').concat(
        words('-u --user --platform --pull -m --memory --cpus --tmpfs'),
      ),
      arguments: ({ pack, runtime, own, env }) => [
        'run',
        '-i',
        '--rm',
        ...runtime.filter((one) => !['run', '-i', '--interactive', '--rm'].includes(one)),
        // By name only: values in arguments are for everybody on the machine to see.
        ...env.flatMap((name) => ['-e', name]),
        image(pack),
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
  const pinned =
    pack.registryType === 'oci' && isPinned(pack.identifier) && !pack.identifier.endsWith(':latest');
  if (!pinned && !runner.version.test(pack.version ?? '')) return 'it has no exact version';
  return undefined;
}

function words(text: string): string[] {
  return text.split(' ');
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

/** With a tag or a digest. A colon before the last slash is that of a port. */
function isPinned(identifier: string): boolean {
  return /[:@]/.test(identifier.slice(identifier.lastIndexOf('/') + 1));
}
