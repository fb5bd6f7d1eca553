// Runs in a process whose disk is small (see fs-blob-store.int.spec.ts): puts more than there is room for, then a little.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Node runs TypeScript by removing the types, but does not map the `.js` of relative imports to the `.ts` beside.
registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(fileURLToPath(source))) return nextResolve(source.href, context);
    }
    const conditions = [...context.conditions, '@anime/source'];
    return nextResolve(specifier, { ...context, conditions });
  },
});
const { FsBlobStore } = await import('../fs-blob-store.ts');

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
