// Node 24 runs TypeScript by removing the types, but does not map the `.js` of relative imports to the `.ts` beside, and
// takes the built files of our other packages.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Lets this process import our TypeScript sources without a build; the answer's `deregister()` ends that. */
export function registerTypeScript() {
  return registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
        const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
        if (existsSync(fileURLToPath(source))) return nextResolve(source.href, context);
      }
      return nextResolve(specifier, { ...context, conditions: [...context.conditions, '@anime/source'] });
    },
  });
}

/** Imports one of our TypeScript sources, named relative to this folder. */
export async function importSource(path) {
  const hooks = registerTypeScript();
  try {
    return await import(new URL(path, import.meta.url).href);
  } finally {
    hooks.deregister();
  }
}
