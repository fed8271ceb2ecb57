// The program over stdio: `node stdio.mjs older`, or `newer`.
import { register } from 'tsx/esm/api';

// Whatever a test forgets, nothing stays behind.
setTimeout(() => process.exit(1), 60_000).unref();
register();
const { serveProgram } = await import('./stdio-program.ts');
await serveProgram(process.argv[2]);
