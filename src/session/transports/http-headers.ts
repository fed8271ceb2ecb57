import { lowerCaseNames, USER_AGENT } from '../../net/headers.js';
import type { HttpResponse } from '../../net/http.js';
import { Cookies } from './cookies.js';

type Fields = Record<string, string>;

const POST_FIELDS: Fields = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};
const STREAM_TYPE = 'text/event-stream';

/**
 * The header fields of one session's requests, each once: those of the protocol, then the configured ones in the place of
 * defaults, then cookies. They are put together when something changes, not for each request.
 */
export class HttpHeaders {
  readonly #configured: Fields;
  readonly #cookies = new Cookies();
  readonly #onSecret: (secret: string) => void;
  #session: string | undefined;
  #protocolVersion: string | undefined;
  #all: Fields | undefined;
  #post: Fields | undefined;

  constructor(configured: Readonly<Record<string, string>>, onSecret: (secret: string) => void) {
    this.#configured = { 'user-agent': USER_AGENT, ...lowerCaseNames(configured) };
    this.#onSecret = onSecret;
  }

  get session(): string | undefined {
    return this.#session;
  }

  set session(id: string | undefined) {
    this.#session = id;
    if (id !== undefined) this.#onSecret(id);
    this.#changed();
  }

  set protocolVersion(version: string) {
    this.#protocolVersion = version;
    this.#changed();
  }

  /** Of every request. */
  get all(): Fields {
    this.#all ??= this.#fields();
    return this.#all;
  }

  get post(): Fields {
    this.#post ??= { ...POST_FIELDS, ...this.#fields() };
    return this.#post;
  }

  /** Of a GET for a stream, which nothing else can answer. */
  stream(lastEventId?: string): Fields {
    const fields = { ...this.all, accept: STREAM_TYPE };
    return lastEventId === undefined ? fields : { ...fields, 'last-event-id': lastEventId };
  }

  readCookies(response: HttpResponse): void {
    if (!this.#cookies.read(response)) return;
    for (const value of this.#cookies.values()) this.#onSecret(value);
    this.#changed();
  }

  #changed(): void {
    this.#all = undefined;
    this.#post = undefined;
  }

  #fields(): Fields {
    const cookie = this.#cookies.header(this.#configured.cookie);
    const all: Fields = { ...this.#configured };
    if (cookie !== undefined) all.cookie = cookie;
    if (this.#session !== undefined) all['mcp-session-id'] = this.#session;
    if (this.#protocolVersion !== undefined) all['mcp-protocol-version'] = this.#protocolVersion;
    return all;
  }
}
