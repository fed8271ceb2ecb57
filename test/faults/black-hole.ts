import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LISTEN =
  'const server = require("net").createServer();' +
  'server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => process.stdout.write(String(server.address().port)));';

/**
 * An address that swallows connection attempts without a word: a stopped process whose backlog is full.
 * (Addresses outside of this machine do not behave the same everywhere.)
 */
export async function blackHole(): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, ['-e', LISTEN], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let index = 0; index < 4; index++) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
    fillers.push(socket);
    await Promise.race([once(socket, 'connect'), new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      for (const socket of fillers) socket.destroy();
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
