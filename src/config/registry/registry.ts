import { checkServerConfig } from '../../client/options.js';
import type { ServerConfig } from '../../client/server-config.js';
import { ConfigError, UnknownServerError } from '../../core/errors.js';
import { notOfTheRegistry, RegistryClient, type RegistryOptions } from './client.js';
import { commandOf, inputsOfPackage } from './command.js';
import { InputAnswers, oneLine, type RegistryInputValues } from './inputs.js';
import { inputsOfRemote, remoteOf } from './remote.js';
import { problemOfPackage } from './runners.js';
import { entrySchema, type Input, pageSchema, type RegistryEntry } from './schema.js';

export type { RegistryOptions };

export interface RegistrySearch extends RegistryOptions {
  /** A part of the name, as the registry understands it. @default all servers */
  query?: string;
  /** Servers wanted at most. @default 30 */
  limit?: number;
}

/** A server in the registry, in its latest version. All texts are its publisher's. */
export interface RegistryServer {
  /** For {@link serverFromRegistry}, for example `io.github.user/weather`. */
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  readonly description?: string;
  readonly status: 'active' | 'deprecated';
  readonly websiteUrl?: string;
  readonly repositoryUrl?: string;
  /** How it can be used from here, best first; none if it cannot. */
  readonly offers: readonly RegistryOffer[];
}

export interface RegistryOffer {
  /** A server at a URL, or the kind of the package that is run on this machine. */
  readonly from: 'remote' | 'npm' | 'pypi' | 'oci' | 'nuget';
  /** What {@link serverFromRegistry} may or must be given in `inputs`. */
  readonly inputs: readonly RegistryInput[];
}

export interface RegistryInput {
  readonly name: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** @default 'string' */
  readonly format: 'string' | 'number' | 'boolean' | 'filepath';
  readonly description?: string;
  /** What holds where nothing is given. */
  readonly default?: string;
  /** An example. */
  readonly placeholder?: string;
  /** The only values that are allowed. */
  readonly choices?: readonly string[];
}

export interface ServerFromRegistryOptions extends RegistryOptions {
  /** Values for what the server needs to know. @default none */
  inputs?: RegistryInputValues;
  /** @default 'latest' */
  version?: string;
  /** Which of its offers to take. @default the first that can be used: remote, then packages as they are listed */
  from?: RegistryOffer['from'];
}

const LIMIT = 30;
const MAX_LIMIT = 1_000;
const PAGE_LIMIT = 100;
const MAX_PAGES = 50;
const FROM = ['remote', 'npm', 'pypi', 'oci', 'nuget'] as const;
/** The registry's own rule for names. */
const NAME = /^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/;
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+_~-]{0,254}$/;

/**
 * Servers of an MCP registry, in their latest versions (API v0.1, `GET /v0.1/servers`). Entries that are not what the
 * registry's schema says are left out, and so are deleted servers.
 * @throws {ConfigError | ConnectionError | TimeoutError} or the signal's own reason
 */
export async function searchRegistry(search: RegistrySearch = {}): Promise<RegistryServer[]> {
  const { query = '', limit = LIMIT } = search;
  if (typeof query !== 'string') throw new ConfigError('query', 'expected a string');
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new ConfigError('limit', `expected a whole number from 1 to ${MAX_LIMIT}`);
  return RegistryClient.use(search, async (client) => {
    const found = new Map<string, RegistryServer>();
    const cursors = new Set<string>();
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = pageSchema.safeParse(
        await client.get('servers', {
          version: 'latest',
          limit: String(Math.min(limit, PAGE_LIMIT)),
          ...(query !== '' && { search: query }),
          ...(cursor !== undefined && { cursor }),
        }),
      );
      if (!page.success) throw notOfTheRegistry('it holds no list of servers');
      for (const server of page.data.servers ?? []) {
        const entry = entrySchema.safeParse(server);
        if (!entry.success || !isUsableName(entry.data.name) || entry.data.status === 'deleted') continue;
        if (found.size < limit && !found.has(entry.data.name)) found.set(entry.data.name, shown(entry.data));
      }
      cursor = page.data.metadata?.nextCursor;
      if (cursor === undefined || cursor === '' || found.size >= limit) return [...found.values()];
      if (cursors.has(cursor)) throw notOfTheRegistry('it repeats a cursor');
      cursors.add(cursor);
    }
    return [...found.values()];
  });
}

/**
 * The configuration of a server in an MCP registry (`GET /v0.1/servers/{name}/versions/{version}`): for a package the
 * command that runs exactly that version, such as `npx -y weather-mcp@1.2.0`, for a remote server its URL. Nothing is
 * run and no server is asked; what the entry says is its publisher's word, and for the caller to judge.
 * @throws {ConfigError} naming the input that is missing or wrong, for example `inputs.API_KEY`, or the part of the
 * entry that cannot be used.
 * @throws {UnknownServerError} when the registry has no such server
 * @throws {ConnectionError | TimeoutError} or the signal's own reason
 */
export async function serverFromRegistry(
  name: string,
  options: ServerFromRegistryOptions = {},
): Promise<ServerConfig> {
  const { inputs = {}, version = 'latest', from, allowInsecureRequests = false } = options;
  if (!isUsableName(name)) throw new ConfigError('name', 'expected a name such as io.github.user/weather');
  if (typeof version !== 'string' || !VERSION.test(version))
    throw new ConfigError('version', 'expected a version');
  if (from !== undefined && !FROM.includes(from))
    throw new ConfigError('from', `expected one of ${FROM.join(', ')}`);
  const answers = new InputAnswers(inputs);

  const entry = await RegistryClient.use(options, async (client) => {
    const path = `servers/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
    const answer = await client.get(path);
    const read = entrySchema.safeParse(answer);
    if (answer === undefined || read.data?.status === 'deleted')
      throw new UnknownServerError(`The registry has no server ${name} (version ${version})`);
    if (!read.success) throw notOfTheRegistry('it is no server');
    if (read.data.name !== name) throw notOfTheRegistry('it is another server than was asked for');
    return read.data;
  });
  const config = build(entry, answers, from, allowInsecureRequests);
  checkServerConfig(config);
  return config;
}

function build(
  entry: RegistryEntry,
  answers: InputAnswers,
  from: RegistryOffer['from'] | undefined,
  allowInsecureRequests: boolean,
): ServerConfig {
  const remote = entry.remotes.findIndex(({ type }) => type === 'streamable-http');
  const first = Math.max(remote, 0);
  const reached = entry.remotes[first];
  if (reached !== undefined && (from ?? 'remote') === 'remote') {
    const config = remoteOf(reached, answers, allowInsecureRequests, `remotes.${first}.url`);
    answers.finish(entry.name);
    return config();
  }
  const problems: string[] = [];
  for (const [index, pack] of entry.packages.entries()) {
    if (from !== undefined && pack.registryType !== from) continue;
    const problem = problemOfPackage(pack);
    if (problem === undefined) {
      const config = commandOf(pack, answers, `packages.${index}`);
      answers.finish(entry.name);
      return config;
    }
    problems.push(`packages.${index}: ${problem}`);
  }
  const why = problems.length === 0 ? '' : ` (${problems.slice(0, 5).join('; ')})`;
  throw new ConfigError('name', `${entry.name} offers nothing ${from ?? ''} that can be used here${why}`);
}

function isUsableName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= 200 && NAME.test(name);
}

function shown(entry: RegistryEntry): RegistryServer {
  const { name, version, title, description, websiteUrl, repository, status } = entry;
  return {
    name,
    version: oneLine(version),
    ...(title !== undefined && { title: oneLine(title) }),
    ...(description !== undefined && { description: oneLine(description) }),
    status: status === 'deprecated' ? 'deprecated' : 'active',
    ...(websiteUrl !== undefined && { websiteUrl }),
    ...(repository?.url !== undefined && { repositoryUrl: repository.url }),
    offers: offersOf(entry),
  };
}

function offersOf({ remotes, packages }: RegistryEntry): RegistryOffer[] {
  const reached = remotes.find(({ type }) => type === 'streamable-http') ?? remotes[0];
  const runnable = packages.filter((pack) => problemOfPackage(pack) === undefined);
  return [
    ...(reached === undefined
      ? []
      : [{ from: 'remote' as const, inputs: shownInputs(inputsOfRemote(reached)) }]),
    ...runnable.map((pack) => ({
      from: pack.registryType as RegistryOffer['from'],
      inputs: shownInputs(inputsOfPackage(pack)),
    })),
  ];
}

function shownInputs(inputs: readonly [string, Input][]): RegistryInput[] {
  // One answer serves all fields of a name.
  return [...new Map(inputs)].map(([name, input]) => {
    const { description, placeholder, choices, format, isRequired, isSecret } = input;
    return {
      name,
      required: isRequired === true && input.default === undefined,
      secret: isSecret === true,
      format: format ?? 'string',
      ...(description !== undefined && { description: oneLine(description) }),
      ...(input.default !== undefined && { default: input.default }),
      ...(placeholder !== undefined && { placeholder }),
      ...(choices !== undefined && { choices }),
    };
  });
}
