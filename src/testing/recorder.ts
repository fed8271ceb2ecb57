import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { canonicalJson } from '../core/canonical-json.js';
import { KnownSecrets } from '../core/known-secrets.js';
import { isRecord } from '../session/reading/json-values.js';
import { type RecordedExchange, type RecordedMessage, type Recording, recordingOf } from './recording.js';

/** What keeps a connection going says nothing about the server. */
const NOT_RECORDED = new Set([
  ...['ping', 'notifications/cancelled', 'notifications/initialized'],
  ...['subscriptions/listen', 'notifications/subscriptions/acknowledged'],
]);

/** Which server it was says the answer to the first request. */
const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';

type Params = Readonly<Record<string, unknown>>;
type Redact = (key: string, value: unknown) => unknown;

/** An exchange that may go on. */
interface Exchange {
  readonly method: string;
  readonly params?: Params;
  readonly progressToken: unknown;
  readonly said: RecordedMessage[];
  answer?: Pick<RecordedExchange, 'result' | 'error'>;
  /** The server has asked for more, and the request comes again with it. */
  waitsForInput?: boolean;
}

/** Makes a recording of the messages that it is shown. */
export class Recorder {
  readonly #redact: Redact;
  readonly #exchanges: Exchange[] = [];
  readonly #pending = new Map<RequestId, Exchange>();
  #latest: Exchange | undefined;

  /** @param secrets cut out of whatever was and will be recorded */
  constructor(
    redact: Redact = (_key, value) => value,
    readonly secrets: KnownSecrets = new KnownSecrets(),
  ) {
    this.#redact = redact;
  }

  /** From the client to the server. */
  sent(message: JSONRPCMessage): void {
    if (!('method' in message && 'id' in message) || NOT_RECORDED.has(message.method)) return;
    const { _meta, inputResponses, requestState, ...params } = message.params ?? {};
    const isMore = inputResponses !== undefined || requestState !== undefined;
    const begun = isMore ? this.#waitingFor(message.method, params) : undefined;
    if (begun !== undefined) {
      begun.waitsForInput = false;
      this.#pending.set(message.id, begun);
      return;
    }
    // What a client says of itself is not what a recording is about.
    const isFirst = message.method === 'initialize' || message.method === 'server/discover';
    this.#begun(message.id, {
      method: isFirst ? 'initialize' : message.method,
      ...(!isFirst && saysSomething(params) && { params }),
      progressToken: _meta?.progressToken,
    });
  }

  #begun(id: RequestId, begun: Pick<Exchange, 'method' | 'params'> & { progressToken?: unknown }): void {
    const exchange: Exchange = { progressToken: undefined, ...begun, said: [] };
    this.#exchanges.push(exchange);
    this.#pending.set(id, exchange);
  }

  #waitingFor(method: string, params: Params): Exchange | undefined {
    const asked = canonicalJson(params);
    return this.#exchanges.find(
      (each) => each.waitsForInput && each.method === method && canonicalJson(each.params) === asked,
    );
  }

  /** From the server to the client. */
  received(message: JSONRPCMessage): void {
    if ('method' in message) this.#said(message);
    else if (message.id !== undefined) this.#answered(message.id, message);
  }

  #answered(id: RequestId, message: { result?: unknown; error?: unknown }): void {
    const known = this.#pending.has(id) ? id : Number(id);
    const exchange = this.#pending.get(known);
    if (exchange === undefined) return;
    this.#pending.delete(known);
    this.#latest = exchange;
    const { result, error } = message;
    if (isRecord(result) && result.resultType === 'input_required') {
      exchange.waitsForInput = true;
      const asked = isRecord(result.inputRequests) ? Object.values(result.inputRequests) : [];
      exchange.said.push(...(asked as RecordedMessage[]));
      return;
    }
    exchange.answer = (result === undefined ? { error } : { result: kept(result) }) as Exchange['answer'] &
      object;
  }

  #said({ method, params }: { method: string; params?: Params | undefined }): void {
    if (NOT_RECORDED.has(method)) return;
    const { _meta, progressToken, ...kept } = params ?? {};
    const pending = [...this.#pending.values()];
    const exchange =
      progressToken === undefined
        ? (pending.at(-1) ?? this.#latest)
        : pending.find((each) => each.progressToken === progressToken);
    const said = { method, ...(params !== undefined && { params: kept }) };
    if (canonicalJson(said) !== canonicalJson(exchange?.said.at(-1))) exchange?.said.push(said);
  }

  /** What was answered so far. */
  get recording(): Recording {
    const answered = this.#exchanges.flatMap(({ method, params, said, answer }): RecordedExchange[] => {
      if (answer === undefined) return [];
      // A refused handshake led to another way to begin.
      if (method === 'initialize' && answer.error !== undefined) return [];
      const heard = said.length > 0 && method !== 'initialize' && { said };
      return [{ method, ...(params !== undefined && { params }), ...heard, ...answer }];
    });
    return recordingOf(answered.map((exchange) => this.#redacted(exchange)));
  }

  #redacted(exchange: RecordedExchange): RecordedExchange {
    const text = JSON.stringify(exchange, (key, value) => {
      const kept = this.#redact(key, value);
      return typeof kept === 'string' ? this.secrets.redact(kept) : kept;
    });
    return JSON.parse(text);
  }
}

function saysSomething(params: Params): boolean {
  return Object.keys(params).length > 0;
}

/** What a result says in every revision. */
function kept(result: unknown): unknown {
  if (!isRecord(result)) return result;
  const { resultType, supportedVersions, _meta, ...others } = result;
  const rest = resultType === undefined || resultType === 'complete' ? others : { resultType, ...others };
  const { [SERVER_INFO_KEY]: serverInfo, ...meta } = isRecord(_meta) ? _meta : {};
  if (supportedVersions !== undefined) {
    const { ttlMs: _ttl, cacheScope: _scope, ...described } = rest;
    return { protocolVersion: '2025-11-25', serverInfo, ...described };
  }
  return saysSomething(meta) ? { ...rest, _meta: meta } : rest;
}
