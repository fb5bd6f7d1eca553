// Runs in a process whose disk is small (see fs-blob-store.int.spec.ts): puts more than there is room for, then a little.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { FsBlobStore } from '../fs-blob-store.ts';

const dir = process.argv[2];
const store = new FsBlobStore(dir);
async function* tooMuch() {
  for (let i = 0; i < 64; i += 1) yield Buffer.alloc(64 * 1024, i);
}
const error = await store.put(tooMuch()).then(
  () => undefined,
  (failure) => failure,
);
const temporaryFiles = (await readdir(path.join(dir, 'tmp'))).length;
const { sha256 } = await store.put(Buffer.from('small'));
const small = Buffer.from(await store.get(sha256)).toString() === 'small' ? 'stored' : 'lost';
process.stdout.write(
  JSON.stringify({ done: 'done', code: error?.code, errno: error?.cause?.code, temporaryFiles, small }),
);
