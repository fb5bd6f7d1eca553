// Node 24 runs TypeScript by removing the types, but does not map the `.js` of our relative imports to the `.ts` beside.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Imports one of our TypeScript sources, named relative to this folder, without a build. */
export async function importSource(path) {
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
        const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
        if (existsSync(fileURLToPath(source))) return nextResolve(source.href, context);
      }
      return nextResolve(specifier, context);
    },
  });
  try {
    return await import(new URL(path, import.meta.url).href);
  } finally {
    hooks.deregister();
  }
}
