/** Whether a tool exists for callers; `*` in a pattern matches any run of characters, `deny` wins. */
export type ToolFilter = (name: string) => boolean;

export function toolFilter({
  allow,
  deny,
}: {
  allow?: readonly string[];
  deny?: readonly string[];
} = {}): ToolFilter {
  const allowed = allow?.map(pattern);
  const denied = deny?.map(pattern) ?? [];
  return (name) =>
    (allowed === undefined || allowed.some((matches) => matches.test(name))) &&
    !denied.some((matches) => matches.test(name));
}

function pattern(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
