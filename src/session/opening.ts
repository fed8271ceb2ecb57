import type { Implementation } from '@modelcontextprotocol/sdk/types.js';
import { abortable } from '../core/abort.js';
import { Deadline } from '../core/deadline.js';
import { ConnectionError, describeThrown, McpFleetError, RemoteError, TimeoutError } from '../core/errors.js';
import { withoutText } from '../core/foreign-error.js';
import type { Identity } from '../core/identity.js';
import { loaded } from '../core/loaded.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { TextExit } from '../core/text-exit.js';
import { Channel } from './channel.js';
import { HandshakeSession } from './handshake/handshake-session.js';
import { type Era, isHttpRefusal, maySpeak, namesOneOf, REVISIONS, supportedIn } from './revisions.js';
import type { ServerRequestHandlers, Session, SessionObserver } from './session.js';
import type { StatelessSession } from './stateless/stateless-session.js';
import type { JsonRpcTransport } from './transports/transport.js';
import { Notifications } from './unasked/notifications.js';
import { ServerRequests } from './unasked/server-requests.js';

/** How long the first era may take where another one is left to try: some servers do not answer what they do not know. */
const FIRST_ERA_MS = 5_000;

export interface SessionOptions {
  server: string;
  /** On whose behalf, where the session is one identity's. */
  identity?: (() => Identity) | undefined;
  clientInfo: Implementation;
  handlers: ServerRequestHandlers;
  observer: SessionObserver;
  exit: TextExit;
  maxResponseBytes: number;
  /** Ends the connecting. */
  signal: StopSignal;
  /** Gets what is still to be ended of an attempt that failed: nobody who waited for the session waits for it. */
  onEnding: (ending: Promise<void>) => void;
}

/**
 * Opens a session over a transport, in the first of `eras` that the server speaks: all of them over one connection.
 * @throws {McpFleetError} or the signal's reason
 */
export async function openOver(
  transport: JsonRpcTransport,
  eras: readonly Era[],
  options: SessionOptions,
): Promise<{ session: Session; era: Era }> {
  const { observer, signal } = options;
  const requests = new ServerRequests(options);
  const notifications = new Notifications(observer);
  let stateless: StatelessSession | undefined;
  let isOpen = false;
  const channel = new Channel(transport, {
    signal,
    exit: options.exit,
    maxBytes: options.maxResponseBytes,
    onError: (error) => observer.error(error),
    onClosed: (reason) => isOpen && observer.closed(reason),
    // Without a handshake, servers ask in their answers only.
    onRequest: (method, params, aborted) =>
      stateless === undefined ? requests.answer(method, params, aborted) : undefined,
    onNotification: (method, params) => {
      if (stateless?.concerns(method, params) !== true) notifications.received(method, params);
    },
  });
  const begin = async (era: Era, limit: StopSignal): Promise<{ session: Session; era: Era }> => {
    const limited = { ...options, signal: limit };
    if (era === 'handshake')
      return { session: await HandshakeSession.begin(channel, transport.kind, limited), era };
    const { StatelessSession } = await loaded(import('./stateless/stateless-session.js'));
    stateless = await StatelessSession.begin(channel, transport.kind, { ...limited, requests });
    return { session: stateless, era };
  };
  try {
    await abortable(channel.start(), signal);
    const opened =
      channel.sessionId === undefined
        ? await firstSpoken(eras, signal, begin)
        : { session: HandshakeSession.taken(channel, transport.kind, options), era: 'handshake' as const };
    if (channel.ended !== undefined) throw channel.ended;
    isOpen = true;
    return opened;
  } catch (error) {
    options.onEnding(channel.close());
    signal.throwIfAborted();
    throw openingError(error);
  }
}

/** What `begin` makes of the first era that the server speaks. */
export async function firstSpoken<Opened>(
  [era, other]: readonly Era[],
  signal: StopSignal,
  begin: (era: Era, signal: StopSignal) => Promise<Opened>,
): Promise<Opened> {
  if (era === undefined) throw new TypeError('There is no era to try');
  if (other === undefined) return begin(era, signal);
  try {
    return await (era === 'stateless'
      ? within(FIRST_ERA_MS, signal, (limit) => begin(era, limit))
      : begin(era, signal));
  } catch (first) {
    signal.throwIfAborted();
    if (!(first instanceof TimeoutError) && !maySpeak(other, first)) throw first;
    try {
      return await begin(other, signal);
    } catch (second) {
      signal.throwIfAborted();
      throw moreTelling(first, second, other);
    }
  }
}

async function within<Result>(
  timeoutMs: number,
  signal: StopSignal,
  work: (signal: StopSignal) => Promise<Result>,
): Promise<Result> {
  using deadline = new Deadline({ timeoutMs, signal });
  return await work(deadline.signal);
}

/** Where both eras failed: what was refused as unknown says less than what failed otherwise. */
function moreTelling(first: unknown, second: unknown, other: Era): unknown {
  // It named that era as its own: why that failed is what is to be known.
  if (namesOneOf(REVISIONS[other], first)) return second;
  const isRefusal =
    second instanceof RemoteError || (second instanceof ConnectionError && isHttpRefusal(second));
  const areOdd = isOdd(first) && isOdd(second);
  if (!isRefusal && !areOdd) return second;
  return supportedIn(first) === undefined && supportedIn(second) !== undefined ? second : first;
}

/** An answer that nothing can be made of. */
function isOdd(error: unknown): boolean {
  return error instanceof ConnectionError && error.delivery === 'answered';
}

function openingError(error: unknown): McpFleetError {
  if (error instanceof ConnectionError && error.code === 'CONNECTION_LOST') {
    const { message, retryable, httpStatus } = error;
    return new ConnectionError('CONNECT_FAILED', message, { retryable, httpStatus, cause: error });
  }
  if (error instanceof McpFleetError) return error;
  const what = `Connecting failed unexpectedly (${describeThrown(error)})`;
  return new ConnectionError('CONNECT_FAILED', what, { cause: withoutText(error) });
}
