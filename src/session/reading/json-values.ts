/** Characters of a value's JSON that are enough to say what it is. */
const EXCERPT_CHARACTERS = 2_000;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The beginning of a value's JSON, without writing all of it. */
export function excerptOf(value: unknown, characters = EXCERPT_CHARACTERS): string {
  let text = '';
  const write = (at: unknown): void => {
    if (text.length >= characters) return;
    if (Array.isArray(at)) {
      text += '[';
      for (const [position, item] of at.entries()) {
        if (text.length >= characters) return;
        if (position > 0) text += ',';
        write(item);
      }
      text += ']';
    } else if (isRecord(at)) {
      text += '{';
      let first = true;
      for (const name in at) {
        if (text.length >= characters) return;
        text += `${first ? '' : ','}${JSON.stringify(name.slice(0, characters))}:`;
        first = false;
        write(at[name]);
      }
      text += '}';
    } else {
      text += JSON.stringify(typeof at === 'string' ? at.slice(0, characters) : at) ?? String(at);
    }
  };
  write(value);
  return text.slice(0, characters);
}
