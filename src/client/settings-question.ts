import { asked, tokenFailed } from '../auth/provider-call.js';
import { ConfigError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { checkHeaders } from '../net/headers.js';
import type { SettingsFunction } from './server-config.js';

export interface SettingsQuestion {
  readonly option: 'headers' | 'env';
  readonly server: string;
  readonly url: URL | undefined;
  readonly identity: Identity | undefined;
}

/**
 * What a function of the host gives, whatever it does: throw, hang, or answer junk.
 * @param closing ends the question; the promise then rejects with its reason.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export function askForSettings(
  give: SettingsFunction,
  { option, server, url, identity }: SettingsQuestion,
  closing: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const question = async (signal: AbortSignal) => {
    const settings: unknown = await give({
      server,
      ...(url !== undefined && { url: new URL(url) }),
      ...(identity !== undefined && { identity }),
      signal,
    });
    const problem = problemOf(settings, option);
    if (problem === undefined) return settings as Readonly<Record<string, string>>;
    throw tokenFailed(
      `The answer of the function ${option} is unusable: ${problem}`,
      new TypeError(problem),
      false,
    );
  };
  return asked(server, closing, question, `The function ${option}`);
}

/** Names what is wrong, never a value. */
function problemOf(settings: unknown, option: SettingsQuestion['option']): string | undefined {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    return 'expected an object of strings';
  const odd = Object.entries(settings).find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) return `expected a string, got a value of type ${typeof odd[1]}`;
  if (option === 'env') return undefined;
  try {
    checkHeaders(settings as Record<string, string>, option);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
