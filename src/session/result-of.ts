import { RemoteError } from '../core/errors.js';
import type { TextExit } from '../core/text-exit.js';
import type { Channel } from './channel.js';
import type { Answer } from './reading/message.js';
import { speaksAnother } from './revisions.js';
import { connectionLost } from './transports/connection-lost.js';

/**
 * The result in an answer. No code says that nothing ran: servers give -32602 for a result of a tool that is wrong, and
 * pass on the codes of what their tools call.
 * @param spoken the session that it is the answer in, and its revision: a server that does not speak it any more ends it
 * @throws {RemoteError | ConnectionError}
 */
export function resultOf(
  { error, result }: Answer,
  exit: TextExit,
  spoken?: { readonly channel: Channel; readonly revision: string | undefined },
): unknown {
  if (error === undefined) return result;
  const { code, message, data, httpStatus } = error;
  const remote = new RemoteError(code, exit.words(message), data, { httpStatus });
  if (spoken === undefined || !speaksAnother(remote, spoken.revision)) throw remote;
  const what = `The server does not speak revision ${spoken.revision} any more (${remote.message})`;
  const reason = connectionLost(what, 'rejected', remote);
  spoken.channel.abandon(reason);
  throw reason;
}
