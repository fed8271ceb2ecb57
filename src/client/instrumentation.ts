import type { CallObserver } from '../calls/call-observer.js';
import type { Unsubscribe } from '../core/emitter.js';
import type { Session } from '../session/session.js';

/**
 * Where telemetry finds the {@link Instrumentation} of a client. It is in the global registry of symbols, so that
 * the ESM and the CJS copy of this library find it in each other's clients. Not part of the public API.
 */
export const INSTRUMENTATION: unique symbol = Symbol.for('mcp-fleet.instrumentation') as never;

/** What telemetry needs of a client, beyond what everybody may see. */
export interface Instrumentation {
  /** Where the server is; `undefined` for a child process or a custom transport. */
  readonly url: URL | undefined;
  /** The session that there is or was, whoever's it is: for what is the same for everybody. */
  readonly session: Pick<Session, 'transport' | 'protocolVersion'> | undefined;
  observe(observer: CallObserver): Unsubscribe;
}
