import { endOfString } from './json.js';
import type { RequestId } from './message.js';

/** Ids longer than this are none that we sent. */
const MAX_ID_CHARACTERS = 200;
/** An integer, or a text without escapes, as JSON has them: what else stands there was not sent by us. */
const ID = '(-?(?:0|[1-9]\\d{0,15})|"[ !#-[\\]-\\uffff]{0,200}")';
const AT_START = new RegExp(`^\\s*:\\s*${ID}\\s*[,}]`);
/** The last members of a message whose beginning does not tell its id. */
const AT_END = new RegExp(
  `[,{]\\s*"id"\\s*:\\s*${ID}\\s*(?:,\\s*"jsonrpc"\\s*:\\s*"[^"]{0,9}"\\s*)?\\}\\s*$`,
);

/** The id of a message that is cut off, broken, or too large to be parsed: from its beginning, else from its end. */
export function idIn(text: string, end = text): RequestId | undefined {
  return idAtStart(text) ?? idOf(AT_END.exec(end.slice(-1_024))?.[1]);
}

/** The member `id` of the outermost object, as far as the text can be followed. A batch has many, and none of its own. */
function idAtStart(text: string): RequestId | undefined {
  const start = text.search(/[[{]/);
  if (text[start] !== '{') return undefined;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (--depth === 0) return undefined;
    } else if (character === '"') {
      const end = endOfString(text, at);
      if (depth === 1 && text.slice(at + 1, end) === 'id') {
        const value = AT_START.exec(text.slice(end + 1, end + MAX_ID_CHARACTERS + 32))?.[1];
        if (value !== undefined) return idOf(value);
      }
      at = end;
    }
  }
  return undefined;
}

function idOf(json: string | undefined): RequestId | undefined {
  if (json === undefined) return undefined;
  return json.startsWith('"') ? json.slice(1, -1) : Number(json);
}
