import { ConnectionError, RemoteError } from '../core/errors.js';

/** Revisions whose sessions begin with `initialize`, the preferred one first. */
export const HANDSHAKE_REVISIONS: readonly string[] = [
  ...['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'],
];
/** Revisions without sessions, in which each request says all that it needs, the preferred one first. */
export const STATELESS_REVISIONS: readonly string[] = ['2026-07-28'];

/** How one speaks with a server: everything else that is new in a revision is a member more. */
export type Era = 'handshake' | 'stateless';

export const REVISIONS: Readonly<Record<Era, readonly string[]>> = {
  handshake: HANDSHAKE_REVISIONS,
  stateless: STATELESS_REVISIONS,
};

/** `auto` finds out; a revision pins its era, which is then never left. */
export const PROTOCOLS = ['auto', '2026-07-28', '2025-11-25'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What was learned of a server, for as long as its client lives. */
export interface LearnedEra {
  era?: Era;
}

/** In which order eras are tried. */
export function erasToTry(protocol: Protocol, { era }: LearnedEra): readonly Era[] {
  if (protocol === '2026-07-28') return ['stateless'];
  if (protocol === '2025-11-25') return ['handshake'];
  // `initialize` first: a server that knows it is not asked in vain, and one that does not says so at once.
  return era === 'stateless' ? ['stateless', 'handshake'] : ['handshake', 'stateless'];
}

/** MCP 2026-07-28 "Error Codes". */
export const HEADER_MISMATCH = -32_020;
const MISSING_CLIENT_CAPABILITY = -32_021;
const UNSUPPORTED_PROTOCOL_VERSION = -32_022;

/** Of what a server lists, how much is looked at and shown. */
const MAX_LISTED = 20;
const MAX_CHARACTERS = 40;

/** The revisions that a server names where it refuses ours. */
export function supportedIn(error: unknown): readonly string[] | undefined {
  if (!(error instanceof RemoteError) || error.rpcCode !== UNSUPPORTED_PROTOCOL_VERSION) return undefined;
  const { supported } = (error.data ?? {}) as { supported?: unknown };
  return revisionsIn(supported);
}

/** A list of revisions, as a server gives it. */
export function revisionsIn(listed: unknown): readonly string[] {
  if (!Array.isArray(listed)) return [];
  const texts = listed.slice(0, MAX_LISTED).filter((one) => typeof one === 'string');
  return texts.map((one) => one.slice(0, MAX_CHARACTERS));
}

/** Whether a server that refuses a request names one of `revisions` as its own. */
export function namesOneOf(revisions: readonly string[], error: unknown): boolean {
  return supportedIn(error)?.some((one) => revisions.includes(one)) === true;
}

/** Whether a server that refused like this may speak as in `era`. It need not name a code for that. */
export function maySpeak(era: Era, error: unknown): boolean {
  const supported = supportedIn(error);
  if (supported !== undefined && supported.length > 0) return namesOneOf(REVISIONS[era], error);
  if (error instanceof RemoteError) return true;
  if (!(error instanceof ConnectionError)) return false;
  // A server of 2026-07-28 takes POST.
  if (era === 'stateless' && error.httpStatus === 405) return false;
  return error.delivery === 'answered' || isHttpRefusal(error);
}

/** Statuses of what does not know our POST: a server of another transport, or era. */
const REFUSING_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

export function isHttpRefusal({ httpStatus }: ConnectionError): boolean {
  return REFUSING_STATUSES.has(httpStatus);
}

/**
 * Whether a server says, of a request in a session, that it does not speak that session's revision: it was replaced by
 * one of another era, and has not run the request.
 */
export function speaksAnother(error: RemoteError, revision: string | undefined): boolean {
  const { rpcCode } = error;
  if (rpcCode === UNSUPPORTED_PROTOCOL_VERSION) {
    const supported = supportedIn(error) ?? [];
    return supported.length > 0 && !supported.includes(revision ?? '');
  }
  const isNewer = rpcCode === HEADER_MISMATCH || rpcCode === MISSING_CLIENT_CAPABILITY;
  return isNewer && error.httpStatus === 400 && !STATELESS_REVISIONS.includes(revision ?? '');
}

/** No revision is common to both. */
export function noCommonRevision(theirs: readonly string[], ours: readonly string[]): ConnectionError {
  const list = (revisions: readonly string[]) =>
    revisions.length === 0 ? 'none of ours' : revisions.join(', ');
  return new ConnectionError(
    'PROTOCOL_ERROR',
    `The server speaks ${list(theirs)} of the revisions of MCP; this client speaks ${list(ours)}`,
    { delivery: 'answered' },
  );
}
