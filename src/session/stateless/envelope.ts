import type { Implementation, LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import type { ServerRequestHandlers } from '../session.js';
import { capabilitiesOf } from '../unasked/server-requests.js';

/** Keys of `_meta` that belong to the protocol (MCP 2026-07-28 "General fields"). */
const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo';
const CLIENT_CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const LOG_LEVEL_KEY = 'io.modelcontextprotocol/logLevel';
export const SUBSCRIPTION_ID_KEY = 'io.modelcontextprotocol/subscriptionId';
export const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';
/** An extension of the protocol: calls that become tasks. */
const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** What every request says of this client, since no request can refer to another one. */
export class Envelope {
  #fields: Readonly<Record<string, unknown>>;

  constructor(revision: string, clientInfo: Implementation, handlers: ServerRequestHandlers) {
    this.#fields = {
      [PROTOCOL_VERSION_KEY]: revision,
      [CLIENT_INFO_KEY]: clientInfo,
      [CLIENT_CAPABILITIES_KEY]: { ...capabilitiesOf(handlers), extensions: { [TASKS_EXTENSION]: {} } },
    };
  }

  /** From which level on requests are answered with log messages, too. */
  set logLevel(level: LoggingLevel) {
    this.#fields = { ...this.#fields, [LOG_LEVEL_KEY]: level };
  }

  /** The `_meta` of a request whose caller gave `given`. */
  around(given: object | undefined): object {
    return given === undefined ? this.#fields : { ...given, ...this.#fields };
  }
}
