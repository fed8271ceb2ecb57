import { abortable } from '../core/abort.js';
import type { RestSettings } from './options.js';
import { Refusal } from './problem.js';

/** Nesting that no sensible request needs, and that recursive code pays for. */
const MAX_DEPTH = 64;

/**
 * The JSON in the body of a request; `undefined` for a request that has neither a body nor a type of one.
 * @throws {Refusal} 400, 408, 413 or 415
 */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  const type = request.headers.get('content-type');
  if (type !== null) checkType(type, request.headers.get('content-encoding'));
  const text = await readText(request, limits);
  if (type === null && text === '') return undefined;
  checkType(type, null);
  const json = parse(text);
  checkValue(json, MAX_DEPTH, '');
  return json;
}

type BodyLimits = Pick<RestSettings, 'maxBodyBytes' | 'bodyTimeoutMs'>;

/** Only JSON: what HTML forms can send without asking first is not (Fetch standard, "CORS-safelisted request-header"). */
function checkType(type: string | null, encoding: string | null): void {
  const [essence = '', ...parameters] = (type ?? '').split(';').map((part) => part.trim().toLowerCase());
  const utf8 = parameters.every((one) => !one.startsWith('charset=') || /^charset="?utf-8"?$/.test(one));
  if (essence !== 'application/json' || !utf8)
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json in UTF-8');
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', 'The body must not be compressed');
}

async function readText(request: Request, { maxBodyBytes, bodyTimeoutMs }: BodyLimits): Promise<string> {
  const tooLarge = () => new Refusal('BODY_TOO_LARGE', `The body is larger than ${maxBodyBytes} bytes`);
  if (Number(request.headers.get('content-length')) > maxBodyBytes) throw tooLarge();
  if (request.bodyUsed)
    throw new Refusal('INTERNAL', 'The body was read before; let authorize read that of request.clone()');
  const reader = request.body?.getReader();
  if (reader === undefined) return '';
  const timeout = AbortSignal.timeout(bodyTimeoutMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), timeout);
      if (done) break;
      size += value.byteLength;
      if (size > maxBodyBytes) throw tooLarge();
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof Refusal) throw error;
    // What breaks before its end is as incomplete as what does not come to an end in time.
    throw new Refusal('REQUEST_TIMEOUT', 'The body did not arrive completely', {
      headers: { connection: 'close' },
    });
  }
  return decode(Buffer.concat(chunks));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal('INVALID_REQUEST', 'The body is not UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the message of the parser: it quotes the body, which may hold a secret.
    throw new Refusal('INVALID_REQUEST', 'The body is not JSON');
  }
}

function checkValue(value: unknown, levels: number, path: string): void {
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0)
    throw new Refusal('INVALID_REQUEST', `The body is nested deeper than ${MAX_DEPTH} levels`, { path });
  for (const [key, member] of Object.entries(value)) {
    const place = path === '' ? key : `${path}.${key}`;
    if (key === '__proto__')
      throw new Refusal('INVALID_REQUEST', `${place}: this key is not accepted`, { path: place });
    checkValue(member, levels - 1, place);
  }
}
