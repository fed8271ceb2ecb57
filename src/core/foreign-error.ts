/** Codes and class names as they are usual: what looks otherwise may be anything, a secret too. */
const WORD = /^[A-Za-z]\w{0,39}$/;

/**
 * What may be kept of an error that is not ours: its class, its code and where it was thrown. Its text and its other
 * properties may hold anything: the request with its token, the answer, a configuration.
 * @param code of the error, where it is known from elsewhere.
 */
export function withoutText(thrown: unknown, code = codeIn(thrown)): Error {
  const name = thrown instanceof Error && WORD.test(thrown.name) ? thrown.name : 'Error';
  const usual = code !== undefined && WORD.test(code) ? code : undefined;
  const text =
    usual ?? (thrown instanceof Error ? 'its text is not kept' : `a value of type ${typeof thrown}`);
  const kept = Object.assign(new Error(text), { name, ...(usual !== undefined && { code: usual }) });
  Object.defineProperty(kept, 'name', { enumerable: false });
  kept.stack = `${name}: ${text}${framesOf(thrown)}`;
  return kept;
}

function codeIn(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The lines of the stack that name places, where what stands before them is known to be the text. */
function framesOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return '';
  const { stack, message } = thrown;
  const textEnds = stack.indexOf(message) + message.length;
  const frames = stack.includes(message) ? stack.slice(textEnds).match(/(?:\n {4}at [^\n]*)*$/)?.[0] : '';
  return frames ?? '';
}
