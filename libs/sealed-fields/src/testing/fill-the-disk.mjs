// Runs in a process whose disk is small (see file-subject-keys.int.spec.ts): fills it, then seals for a new subject.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FileSubjectKeys } from '../file-subject-keys.ts';

const dir = process.argv[2];
const failure = (promise) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const full = await failure(writeFile(path.join(dir, 'filler'), Buffer.alloc(1024 * 1024)));
const error = await failure(new FileSubjectKeys(dir).seal('0193a000-0000-7000-8000-000000000001', 'a note'));
const left = (await readdir(dir)).filter((name) => name !== 'filler');
process.stdout.write(JSON.stringify({ full: full?.code, code: error?.code, errno: error?.cause?.code, left }));
