import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const fixture = path.join(import.meta.dirname, '..', 'fixtures', 'boundaries');

/** Subjects of JetStream's wire API and of its acknowledgements. */
const WIRE = /\$JS\.(API|ACK)\b/;
/** As in the import rules: tests may do with a server what they need. */
const TESTS = /\.(spec|bench)\.ts$|\/src\/testing\//;

/** Sources of services and deployment that speak the wire API. */
async function speakers(folder: string): Promise<{ readonly read: number; readonly found: readonly string[] }> {
  const found: string[] = [];
  let read = 0;
  for await (const file of glob('{services,deploy}/*/src/**/*.ts', { cwd: folder })) {
    if (TESTS.test(file)) continue;
    read += 1;
    if (WIRE.test(await readFile(path.join(folder, file), 'utf8'))) found.push(file);
  }
  return { read, found };
}

describe('the rule that NATS lies behind libs', () => {
  it('is not got round by speaking the wire API of JetStream instead of importing its client', async () => {
    const { read, found } = await speakers(repository);
    expect(found).toEqual([]);
    expect(read).toBeGreaterThan(100);
  });

  it('would find who does', async () => {
    expect((await speakers(fixture)).found).toEqual(['services/one/src/bad-wire-api.ts']);
  });
});
