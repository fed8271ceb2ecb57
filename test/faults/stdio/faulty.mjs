// An MCP server over stdio that misbehaves as its first argument says. It notes what it does in $LOG_FILE:
// `start <pid>` and `ran <nonce>`, each line written before anything else happens.
// Where $FAULT_FILE is given, a fault that ends the process strikes only once: it takes the file away.
import { appendFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , mode = 'plain'] = process.argv;
const { LOG_FILE, FAULT_FILE } = process.env;

// Whatever a test forgets, nothing stays behind.
setTimeout(() => process.exit(1), 60_000).unref();
note(`start ${process.pid}`);
if (mode === 'dies') process.exit(3);
if (mode === 'flood-at-start') flood();
if (mode === 'banner')
  process.stdout.write('Welcome to faulty 1.0\n\u0000\u0001\u0002\n{"listening": true}\n\n[]\nnull\n');

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) return;
  const nonce = method === 'tools/call' ? params.arguments.nonce : params?.uri?.slice('nonce://'.length);
  if (nonce === undefined) return answer(id, resultOf(method, params));

  if (mode === 'exits-before' && strikes()) process.exit(1);
  if (mode === 'killed-before' && strikes()) process.kill(process.pid, 'SIGKILL');
  note(`ran ${nonce}`);
  if (mode === 'exits-after' && strikes()) process.exit(1);
  if (mode === 'killed-after' && strikes()) process.kill(process.pid, 'SIGKILL');
  if (mode === 'closes-stdout' && strikes()) {
    process.stdout.end();
    return undefined;
  }
  if (mode === 'half-answer' && strikes()) {
    process.stdout.write('{"jsonrpc":"2.0","id":', () => process.exit(1));
    return undefined;
  }
  if (mode === 'hangs') return undefined;
  if (mode === 'flood') return flood();
  if (mode === 'garbage') process.stdout.write('DEBUG: calling\n{"jsonrpc":"1.0"}\n}{\n"text"\n');
  return answer(id, resultOf(method, params, nonce));
});

function answer(id, result) {
  const line = `${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`;
  if (mode === 'crlf') return process.stdout.write(line.replace('\n', '\r\n'));
  if (mode !== 'half-lines') return process.stdout.write(line);
  // In three parts, one of which ends in the middle of a character.
  const bytes = Buffer.from(line.replace('"2.0"', '"2.0","x":"é€😀"'));
  const cuts = [0, bytes.indexOf('😀') + 2, bytes.length - 1, bytes.length];
  for (let part = 0; part < 3; part++) {
    setTimeout(() => process.stdout.write(bytes.subarray(cuts[part], cuts[part + 1])), part * 5);
  }
  return true;
}

function resultOf(method, params, nonce) {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {}, resources: {} },
        serverInfo: { name: 'faulty', version: '1.0.0' },
      };
    case 'tools/list':
      return { tools: ['charge', 'put'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
    case 'tools/call':
      return { content: [{ type: 'text', text: nonce }] };
    case 'resources/read':
      return { contents: [{ uri: params.uri, text: nonce }] };
    default:
      return {};
  }
}

function strikes() {
  if (FAULT_FILE === undefined) return true;
  try {
    rmSync(FAULT_FILE);
    return true;
  } catch {
    return false;
  }
}

/** 1 GB without a line break, as fast as it is taken. */
function flood() {
  const chunk = Buffer.alloc(1_048_576, 'a');
  let left = 1_024;
  const more = () => {
    while (left-- > 0) if (!process.stdout.write(chunk)) return process.stdout.once('drain', more);
    return undefined;
  };
  process.stdout.on('error', () => process.exit(1));
  return more();
}

function note(line) {
  if (LOG_FILE !== undefined) appendFileSync(LOG_FILE, `${line}\n`);
}
