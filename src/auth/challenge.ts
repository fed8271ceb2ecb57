import { splitScopes, unionOf } from './scopes.js';

/** What the Bearer challenge of a `WWW-Authenticate` field says (RFC 6750 section 3, RFC 9728 section 5.1). */
export interface Challenge {
  /** For example `invalid_token`, `insufficient_scope`. */
  readonly error?: string;
  readonly scopes?: readonly string[];
  readonly resourceMetadata?: URL;
}

/** More than any honest server sends. */
const MAX_CHARACTERS = 8_192;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const SCHEME = new RegExp(`(${TOKEN})(?=[ \\t,]|$)`, 'y');
const PARAMETER = new RegExp(
  `(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))(?=[ \\t,]|$)`,
  'y',
);
const TOKEN68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const SEPARATORS = /[ \t,]*/y;
const UP_TO_NEXT_COMMA = /[^,]*/y;

/** The Bearer challenge among those of a `WWW-Authenticate` field, or `undefined` if there is none. */
export function parseChallenge(header: string | null): Challenge | undefined {
  if (header === null) return undefined;
  const bearers = challengesIn(header.slice(0, MAX_CHARACTERS)).filter(({ scheme }) => scheme === 'bearer');
  const bearer = bearers.find(({ parameters }) => parameters.has('error')) ?? bearers[0];
  if (bearer === undefined) return undefined;

  const error = bearer.parameters.get('error');
  const scopes = splitScopes(bearer.parameters.get('scope') ?? '');
  const resourceMetadata = webUrl(bearer.parameters.get('resource_metadata'));
  return {
    ...(error !== undefined && { error }),
    ...(scopes.length > 0 && { scopes }),
    ...(resourceMetadata !== undefined && { resourceMetadata }),
  };
}

/** The challenge as if it asked for these scopes, too. */
export function withScopes(challenge: Challenge, more: readonly string[] | undefined): Challenge {
  const scopes = unionOf(more, challenge.scopes);
  return scopes.length === 0 ? challenge : { ...challenge, scopes };
}

interface ParsedChallenge {
  /** In lower case. */
  readonly scheme: string;
  /** By name in lower case; the first of a name counts. */
  readonly parameters: Map<string, string>;
}

/**
 * RFC 9110 section 11.6.1. A comma separates challenges as well as the parameters of one, so what follows it
 * decides: `name=value` belongs to the challenge before, anything else begins a new one.
 */
function challengesIn(header: string): ParsedChallenge[] {
  const challenges: ParsedChallenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match;
  };

  for (take(SEPARATORS); position < header.length; take(SEPARATORS)) {
    const parameter = take(PARAMETER);
    if (parameter !== undefined) {
      const [, name = '', quoted, plain] = parameter;
      const parameters = challenges.at(-1)?.parameters;
      const key = name.toLowerCase();
      if (parameters?.has(key) === false) parameters.set(key, plain ?? quoted?.replace(/\\(.)/g, '$1') ?? '');
      continue;
    }
    const scheme = take(SCHEME);
    if (scheme?.[1] === undefined) take(UP_TO_NEXT_COMMA);
    else {
      challenges.push({ scheme: scheme[1].toLowerCase(), parameters: new Map() });
      take(TOKEN68);
    }
  }
  return challenges;
}

function webUrl(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined;
}
