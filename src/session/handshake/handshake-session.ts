import type { Implementation, ServerCapabilities, Tool } from '@modelcontextprotocol/sdk/types.js';
import type { RequestMeta, RequestObservation } from '../../calls/call-observer.js';
import { ConnectionError, type McpFleetError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import type { Channel } from '../channel.js';
import type { SessionOptions } from '../opening.js';
import { readPage } from '../reading/entries.js';
import { type Initialization, readInitialization } from '../reading/initialization.js';
import { excerptOf, isRecord } from '../reading/json-values.js';
import type { Params } from '../reading/message.js';
import { RESULT_READERS } from '../reading/results.js';
import { resultOf } from '../result-of.js';
import { HANDSHAKE_REVISIONS, noCommonRevision } from '../revisions.js';
import {
  LIST_METHODS,
  type ListEntries,
  type ListKind,
  type ListPage,
  type Session,
  type SessionRequestOptions,
  type SessionRequests,
} from '../session.js';
import { awaitTask, isTask } from '../tasks.js';
import { capabilitiesOf } from '../unasked/server-requests.js';

/** A session of the revisions before 2026-07-28: it begins with `initialize` and lives as long as its connection. */
export class HandshakeSession implements Session {
  readonly transport: Session['transport'];
  readonly protocolVersion: string | undefined;
  readonly capabilities: ServerCapabilities | undefined;
  readonly serverInfo: Implementation | undefined;
  readonly instructions: string | undefined;
  readonly #channel: Channel;
  readonly #exit: TextExit;
  /** Tools that have to be called as tasks. */
  readonly #taskTools = new Set<string>();

  private constructor(
    transport: Session['transport'],
    channel: Channel,
    exit: TextExit,
    initialization: Initialization | undefined,
  ) {
    this.transport = transport;
    this.#channel = channel;
    this.#exit = exit;
    this.protocolVersion = initialization?.protocolVersion;
    this.capabilities = initialization?.capabilities;
    this.serverInfo = initialization?.serverInfo;
    this.instructions = initialization?.instructions;
  }

  /** Initializes. @throws {McpFleetError} or the signal's reason */
  static async begin(
    channel: Channel,
    transport: Session['transport'],
    options: SessionOptions,
  ): Promise<HandshakeSession> {
    const initialization = await initialize(channel, options);
    return new HandshakeSession(transport, channel, options.exit, initialization);
  }

  /** Goes on with the session that a transport brings. */
  static taken(
    channel: Channel,
    transport: Session['transport'],
    { exit }: SessionOptions,
  ): HandshakeSession {
    return new HandshakeSession(transport, channel, exit, undefined);
  }

  async request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']> {
    const isTaskCall = method === 'tools/call' && this.#taskTools.has((params as { name: string }).name);
    const result = isTaskCall
      ? await this.#taskCall(params as object, options)
      : await this.#request(method, params, options);
    return RESULT_READERS[method](result, params);
  }

  async list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>> {
    const params = cursor === undefined ? undefined : { cursor };
    const page = readPage(kind, await this.#request(LIST_METHODS[kind], params, options));
    if (kind === 'tools') this.#noteTaskTools(page.entries as readonly Tool[]);
    return page;
  }

  close(reason?: McpFleetError): Promise<void> {
    return this.#channel.close(reason);
  }

  /** MCP 2025-11-25 "Tool-Level Negotiation": these cannot be called but as tasks. */
  #noteTaskTools(tools: readonly Tool[]): void {
    if (this.capabilities?.tasks?.requests?.tools?.call === undefined) return;
    for (const { name, execution } of tools) {
      if (execution?.taskSupport === 'required') this.#taskTools.add(name);
      else this.#taskTools.delete(name);
    }
  }

  async #taskCall(params: object, options: SessionRequestOptions): Promise<unknown> {
    const { signal, onProgress } = options;
    const created = await this.#request('tools/call', { ...params, task: {} }, options);
    const task = isRecord(created) ? created.task : undefined;
    // It answered at once.
    if (!isTask(task)) return created;
    const { taskId } = task;
    const result = (bounded: SessionRequestOptions) => this.#request('tasks/result', { taskId }, bounded);
    return awaitTask(task, {
      signal,
      onProgress,
      exit: this.#exit,
      get: (bounded) => this.#request('tasks/get', { taskId }, bounded),
      cancel: (bounded) => this.#request('tasks/cancel', { taskId }, bounded),
      result: (_task, bounded) => result(bounded),
      // "Task Execution Errors": `tasks/result` gives what the call would have, an error or a result with `isError`.
      failsWithResult: true,
      // "Input Required Status": the server asks while it is waited for the result.
      answer: (_task, bounded) => result(bounded),
    });
  }

  async #request(
    method: string,
    params: object | undefined,
    options: SessionRequestOptions,
  ): Promise<unknown> {
    const { observation } = options;
    const sent = observation === undefined ? params : withMeta(params, observation);
    const answer = await this.#channel.request(method, sent as Params | undefined, options);
    return resultOf(answer, this.#exit, { channel: this.#channel, revision: this.protocolVersion });
  }
}

async function initialize(channel: Channel, options: SessionOptions): Promise<Initialization> {
  const { clientInfo, handlers, signal, exit } = options;
  const [protocolVersion] = HANDSHAKE_REVISIONS;
  const params = { protocolVersion, capabilities: capabilitiesOf(handlers), clientInfo };
  const result = resultOf(await channel.request('initialize', params, { signal }), exit);
  const initialization = readInitialization(result);
  if (initialization === undefined) {
    const what = 'The answer to initialize is none of an MCP server';
    throw new ConnectionError('PROTOCOL_ERROR', `${what}: ${exit.words(excerptOf(result))}`, {
      delivery: 'answered',
    });
  }
  const { protocolVersion: spoken } = initialization;
  if (spoken !== undefined) {
    if (!HANDSHAKE_REVISIONS.includes(spoken))
      throw noCommonRevision([spoken.slice(0, 100)], HANDSHAKE_REVISIONS);
    channel.setProtocolVersion(spoken);
  }
  await channel.notify('notifications/initialized');
  return initialization;
}

function withMeta(
  params: { _meta?: RequestMeta } | undefined,
  observation: RequestObservation,
): object | undefined {
  const meta = observation.meta(params?._meta);
  return meta === undefined ? params : { ...params, _meta: meta };
}
