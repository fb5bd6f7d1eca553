// A process that seals for the subjects that it is told, one a line (see file-subject-keys.int.spec.ts).
import { createInterface } from 'node:readline';
import { FileSubjectKeys } from '../file-subject-keys.ts';

const [, , dir, text] = process.argv;
const keys = new FileSubjectKeys(dir);
process.stdout.write('ready\n');
for await (const subject of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await keys.seal(subject, text))}\n`);
