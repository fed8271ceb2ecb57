import { ConnectionError, describeThrown } from './errors.js';
import { withoutText } from './foreign-error.js';

/**
 * A module that is loaded when it is first needed. A bundler, or an installation that is not complete, may have lost it:
 * that is no fault of a server.
 * @throws {ConnectionError} `CONNECT_FAILED` naming what could not be loaded.
 */
export async function loaded<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (cause) {
    const named = /'([^']{1,200})'/.exec(cause instanceof Error ? cause.message : '')?.[1];
    throw new ConnectionError(
      'CONNECT_FAILED',
      `A module cannot be loaded (${named ?? describeThrown(cause)}); is the installation or the bundle complete?`,
      { delivery: 'not-sent', cause: withoutText(cause) },
    );
  }
}
