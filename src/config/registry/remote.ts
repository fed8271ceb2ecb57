import type { HttpServerConfig } from '../../client/server-config.js';
import { ConfigError } from '../../core/errors.js';
import { type InputAnswers, namesIn } from './inputs.js';
import type { Input, RegistryRemote } from './schema.js';

/** The inputs of a remote server, by name. */
export function inputsOfRemote({ url, variables, headers }: RegistryRemote): [string, Input][] {
  return [
    ...namesIn('url', { ...NOTHING, value: url, variables }),
    ...headers.flatMap((header) => namesIn(header.name, header)),
  ];
}

const NOTHING = {
  description: undefined,
  isRequired: true,
  isSecret: undefined,
  format: undefined,
  default: undefined,
  placeholder: undefined,
  choices: undefined,
};

/** @throws {ConfigError} */
export function remoteOf(
  remote: RegistryRemote,
  answers: InputAnswers,
  allowInsecureRequests: boolean,
  path: string,
): () => HttpServerConfig {
  const { url: template, variables } = remote;
  // A value stays in its place in the URL, unless the whole beginning of the URL is the caller's.
  const encode = template.startsWith('{') ? undefined : encodeURIComponent;
  const filled = answers.substituted(template, variables, true, encode);
  const headers = new Map<string, string>();
  for (const header of remote.headers) {
    const value = answers.word(header.name, header);
    if (value !== undefined) headers.set(header.name, value.text);
  }
  return () => ({
    type: remote.type === 'sse' ? 'sse' : 'http',
    url: checkedUrl(filled ?? '', allowInsecureRequests, path),
    ...(headers.size > 0 && { headers: Object.fromEntries(headers) }),
  });
}

function checkedUrl(url: string, allowInsecureRequests: boolean, path: string): string {
  if (/[{}]/.test(url)) throw new ConfigError(path, 'holds a variable that the registry does not explain');
  if (!URL.canParse(url)) throw new ConfigError(path, 'is no URL, with the values that were given');
  const { protocol } = new URL(url);
  if (protocol === 'https:' || (protocol === 'http:' && allowInsecureRequests)) return url;
  throw new ConfigError(
    path,
    `expected an https: URL${protocol === 'http:' ? ', or allowInsecureRequests' : ''}`,
  );
}
