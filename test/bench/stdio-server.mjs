// The same as http-server.mjs over stdin and stdout.
import { createInterface } from 'node:readline';
import { answerTo } from './answers.mjs';

createInterface({ input: process.stdin }).on('line', (line) => {
  const answer = answerTo(JSON.parse(line));
  if (answer !== undefined) process.stdout.write(`${answer}\n`);
});
