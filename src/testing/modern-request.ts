import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { isRecord } from '../session/reading/json-values.js';

export const REVISION = '2026-07-28';
export const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const LOG_LEVEL_KEY = 'io.modelcontextprotocol/logLevel';

export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
const HEADER_MISMATCH = -32_020;
const UNSUPPORTED_PROTOCOL_VERSION = -32_022;

/** What a server takes a client for that does not name its revision. */
const UNNAMED_REVISION = '2025-03-26';

/** Where the subject of a request stands that goes into a header field, too. */
const SUBJECT: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

export type Params = Readonly<Record<string, unknown>>;

export interface ModernMessage {
  readonly id: RequestId;
  readonly method: string;
  readonly params?: Params;
}

/** What the envelope of a request says. */
export interface Envelope {
  readonly capabilities: Params;
  readonly clientInfo: unknown;
  readonly logLevel: unknown;
}

/** A JSON-RPC error. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
}

/** Whether a message says that it is of a revision without sessions. */
export function isModern(
  { method, params }: { method?: unknown; params?: unknown },
  headers: Headers,
): boolean {
  if (metaOf(params)[VERSION_KEY] !== undefined) return true;
  return method !== 'initialize' && headers.get('mcp-protocol-version') === REVISION;
}

/** Why a server refuses a request before it does anything; `undefined`: it does not. */
export function refusalOf({ method, params = {} }: ModernMessage, headers: Headers): Refusal | undefined {
  const meta = metaOf(params);
  const version = meta[VERSION_KEY];
  if (typeof version !== 'string') return missing(VERSION_KEY);
  if (!isRecord(meta[CAPABILITIES_KEY])) return missing(CAPABILITIES_KEY);
  const expected: [string, unknown][] = [
    ['mcp-protocol-version', version],
    ['mcp-method', method],
  ];
  const subject = SUBJECT[method];
  if (subject !== undefined) expected.push(['mcp-name', params[subject]]);
  const wrong = expected.find(([name, value]) => decoded(headers.get(name)) !== value);
  if (wrong !== undefined) {
    const [name, value] = wrong;
    return { code: HEADER_MISMATCH, message: `Header mismatch: ${name} is not ${JSON.stringify(value)}` };
  }
  return version === REVISION ? undefined : unsupported(version);
}

function missing(key: string): Refusal {
  return { code: INVALID_PARAMS, message: `Invalid params: _meta has no ${key}` };
}

/** What a server of 2026-07-28 alone answers to others. */
export function unsupportedRevision({ params }: { params?: unknown }, headers: Headers): Refusal {
  const asked = isRecord(params) ? params.protocolVersion : undefined;
  return unsupported(asked ?? headers.get('mcp-protocol-version') ?? UNNAMED_REVISION);
}

function unsupported(requested: unknown): Refusal {
  return {
    code: UNSUPPORTED_PROTOCOL_VERSION,
    message: 'Unsupported protocol version',
    data: { supported: [REVISION], requested },
  };
}

/** "Value Encoding" of the specification. */
function decoded(field: string | null): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(field ?? '')?.[1];
  return encoded === undefined ? (field ?? undefined) : Buffer.from(encoded, 'base64').toString();
}

export function metaOf(params: unknown): Params {
  const meta = isRecord(params) ? params._meta : undefined;
  return isRecord(meta) ? meta : {};
}

/** Of a request that is not refused. */
export function envelopeOf(params: unknown): Envelope {
  const meta = metaOf(params);
  const { [CAPABILITIES_KEY]: declared, [CLIENT_INFO_KEY]: clientInfo, [LOG_LEVEL_KEY]: logLevel } = meta;
  // A server of the SDK does not know those.
  const { extensions: _extensions, ...capabilities } = isRecord(declared) ? declared : {};
  return { capabilities, clientInfo, logLevel };
}

/** As a server of the SDK knows it. */
export function withoutEnvelope(params: Params): Record<string, unknown> {
  const kept = Object.entries(metaOf(params)).filter(([key]) => !key.startsWith('io.modelcontextprotocol/'));
  return { ...params, _meta: Object.fromEntries(kept) };
}
