import { ConnectionError } from '../core/errors.js';
import type { OAuthAnswer } from './oauth-http.js';
import { problemOfToken } from './token-answer.js';

type Members = NonNullable<OAuthAnswer['json']>;

/**
 * What a token endpoint answered, read as liberally as RFC 6749 sections 5.1 and 5.2 allow, and where many servers are
 * sloppy: any status of success, a type that is missing, an error under a status of success.
 */
export type TokenResponse =
  | { readonly kind: 'granted'; readonly members: Members }
  | { readonly kind: 'refused'; readonly code: string | undefined; readonly description: string | undefined }
  /** The server says that all is well, and gives no token that can be used. */
  | { readonly kind: 'unusable'; readonly problem: string };

export function readTokenResponse({ status, json }: OAuthAnswer): TokenResponse {
  const isSuccess = status >= 200 && status < 300;
  if (isSuccess && json?.access_token !== undefined && json.access_token !== null) return readGrant(json);
  const refusal = readRefusal(json ?? {});
  if (!isSuccess || refusal.code !== undefined) return refusal;
  const problem = json === undefined ? 'the body is no JSON object' : 'access_token is missing';
  return { kind: 'unusable', problem };
}

/**
 * The response as openid-client wants to read it, without what nobody asked for. Without `WWW-Authenticate`, too:
 * it would read the challenge instead of the error in the body.
 * @throws {ConnectionError} for a status that is none.
 */
export function asTokenResponse(answer: OAuthAnswer): Response {
  const { status } = answer;
  if (status < 200 || status > 599) {
    throw new ConnectionError('PROTOCOL_ERROR', `Not a status of HTTP: ${status}`, {
      delivery: 'unknown',
      httpStatus: status,
    });
  }
  const response = readTokenResponse(answer);
  if (response.kind === 'granted') return Response.json(response.members);
  return new Response(null, { status: status < 300 ? 400 : status });
}

function readGrant({ access_token, token_type, expires_in, scope }: Members): TokenResponse {
  const problem = problemOfToken(access_token);
  if (problem !== undefined) return { kind: 'unusable', problem: `access_token: ${problem}` };
  const isUntyped = token_type === undefined || token_type === null || token_type === '';
  // RFC 6749 section 7.1 has a client not use a type that it does not understand.
  if (!isUntyped && !(typeof token_type === 'string' && /^bearer$/i.test(token_type.trim())))
    return { kind: 'unusable', problem: 'token_type is not Bearer' };
  const seconds = typeof expires_in === 'string' ? Number(expires_in) : expires_in;
  const expires = typeof seconds === 'number' && seconds > 0 && Number.isFinite(seconds);
  const members = {
    access_token,
    token_type: 'bearer',
    ...(expires && { expires_in: seconds }),
    ...(typeof scope === 'string' && { scope }),
  };
  return { kind: 'granted', members };
}

/** RFC 6749 section 5.2, and what servers say in other ways. */
function readRefusal(members: Members): TokenResponse & { kind: 'refused' } {
  const { error } = members;
  const inner = typeof error === 'object' && error !== null ? (error as Members) : {};
  const code = textIn(error, inner.code, inner.status, inner.type, members.errorCode, members.code);
  const description = textIn(
    members.error_description,
    inner.message,
    members.errorSummary,
    members.message,
    members.detail,
  );
  return { kind: 'refused', code, description };
}

function textIn(...candidates: unknown[]): string | undefined {
  return candidates.find((one): one is string => typeof one === 'string' && one !== '');
}
