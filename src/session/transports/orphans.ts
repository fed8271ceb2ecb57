import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Reads `+group` and `-group` from its stdin, whose other end this process holds. The stdin ends with this process, in
 * whatever way that ends, and then what is left of the groups is ended: asked after a second, killed after two.
 * It ignores the signals that a terminal sends to all that was started in it.
 */
const WATCH = `
trap '' INT TERM HUP QUIT
groups=' '
while read -r change; do
  case $change in
    +*) groups="$groups\${change#+} " ;;
    -*) left=' '; for group in $groups; do [ "$group" = "\${change#-}" ] || left="$left$group "; done; groups=$left ;;
  esac
done
[ "$groups" = ' ' ] && exit
sleep 1
for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
sleep 1
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
`;

const groups = new Set<number>();
let watcher: ChildProcess | undefined;

/**
 * Sees to it that a child, and what it started, ends when this process does: by `process.exit`, an uncaught error, a
 * signal. One small shell watches for all children, as long as there are any. On Windows the system does it.
 */
export function endWithHost({ pid }: ChildProcess): void {
  if (process.platform === 'win32' || pid === undefined) return;
  groups.add(pid);
  watcher ??= watch();
  watcher.stdin?.write(`+${pid}\n`);
}

/** The group of that child has been ended. */
export function hasEnded({ pid }: ChildProcess): void {
  if (pid === undefined || !groups.delete(pid)) return;
  if (groups.size > 0) watcher?.stdin?.write(`-${pid}\n`);
  else {
    watcher?.stdin?.end(`-${pid}\n`);
    watcher = undefined;
  }
}

function watch(): ChildProcess {
  // A group of its own: Ctrl-C must not end it with us.
  const shell = spawn('/bin/sh', ['-c', WATCH], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: {},
  });
  // In a container without a shell children end by the end of their stdin, as most do.
  for (const source of [shell, shell.stdin]) source.on('error', () => {});
  shell.unref();
  // A socket in Node; other runtimes hold no process for it.
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return shell;
}
