/** Whether `entry` names a host: `api.example.com`, `*.example.com`, `localhost:8001`. */
export function isHostRule(entry: string): boolean {
  return /^(\*\.)?[^*/?#@\\\s]+$/.test(entry) && URL.canParse(`ws://${entry.replace(/^\*\./, '')}`);
}

/** Whether a URL's host is the one that `entry` names, in the one form that `URL` gives to hosts. */
export function hostRule(entry: string): (url: URL) => boolean {
  const wildcard = entry.startsWith('*.');
  const port = /:(\d+)$/.exec(entry.replace(/\[.*\]/, ''))?.[1];
  const { hostname } = new URL(`ws://${entry.replace(/^\*\./, '')}`);
  return (url) => {
    const fits = wildcard ? url.hostname.endsWith(`.${hostname}`) : url.hostname === hostname;
    return fits && (port === undefined || portOf(url) === Number(port));
  };
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' || protocol === 'wss:' ? 443 : 80;
}
