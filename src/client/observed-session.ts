import type { RequestObservation } from '../calls/call-observer.js';
import type { McpFleetError } from '../core/errors.js';
import type {
  ListEntries,
  ListKind,
  ListPage,
  Session,
  SessionRequestOptions,
  SessionRequests,
} from '../session/session.js';

/** A session for one observed call: its requests are told to the observation. */
export class ObservedSession implements Session {
  readonly #session: Session;
  readonly #observation: RequestObservation;

  constructor(session: Session, observation: RequestObservation) {
    this.#session = session;
    this.#observation = observation;
  }

  get transport(): Session['transport'] {
    return this.#session.transport;
  }

  get protocolVersion(): Session['protocolVersion'] {
    return this.#session.protocolVersion;
  }

  get capabilities(): Session['capabilities'] {
    return this.#session.capabilities;
  }

  get serverInfo(): Session['serverInfo'] {
    return this.#session.serverInfo;
  }

  get instructions(): Session['instructions'] {
    return this.#session.instructions;
  }

  request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']> {
    return this.#session.request(method, params, { ...options, observation: this.#observation });
  }

  list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>> {
    return this.#session.list(kind, cursor, { ...options, observation: this.#observation });
  }

  close(reason?: McpFleetError): Promise<void> {
    return this.#session.close(reason);
  }
}
