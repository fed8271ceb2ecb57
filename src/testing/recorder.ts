import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { canonicalJson } from '../core/canonical-json.js';
import { KnownSecrets } from '../core/known-secrets.js';
import { type RecordedExchange, type RecordedMessage, type Recording, recordingOf } from './recording.js';

/** What keeps a connection going says nothing about the server. */
const NOT_RECORDED = new Set(['ping', 'notifications/cancelled', 'notifications/initialized']);

type Params = Readonly<Record<string, unknown>>;
type Redact = (key: string, value: unknown) => unknown;

/** An exchange that may go on. */
interface Exchange {
  readonly method: string;
  readonly params?: Params;
  readonly progressToken: unknown;
  readonly said: RecordedMessage[];
  answer?: Pick<RecordedExchange, 'result' | 'error'>;
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
    const { _meta, ...params } = message.params ?? {};
    const exchange: Exchange = {
      method: message.method,
      // What a client says of itself is not what a recording is about.
      ...(message.params !== undefined && message.method !== 'initialize' && { params }),
      progressToken: _meta?.progressToken,
      said: [],
    };
    this.#exchanges.push(exchange);
    this.#pending.set(message.id, exchange);
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
    exchange.answer = (result === undefined ? { error } : { result }) as Exchange['answer'] & object;
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
