/** Whether a tool exists for callers; `*` in a pattern matches any run of characters, `deny` wins. */
export type ToolFilter = (name: string) => boolean;

export function toolFilter({
  allow,
  deny,
}: {
  allow?: readonly string[];
  deny?: readonly string[];
} = {}): ToolFilter {
  const allowed = allow?.map(matcher);
  const denied = deny?.map(matcher) ?? [];
  return (name) =>
    (allowed === undefined || allowed.some((matches) => matches(name))) &&
    !denied.some((matches) => matches(name));
}

/** Not a regular expression: names come from servers, and some would make one take for ever. */
function matcher(pattern: string): ToolFilter {
  const [start = '', ...parts] = pattern.split('*');
  const end = parts.pop();
  if (end === undefined) return (name) => name === pattern;
  return (name) => {
    if (!name.startsWith(start)) return false;
    let at = start.length;
    for (const part of parts) {
      const found = name.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return name.length - at >= end.length && name.endsWith(end);
  };
}
