// Preloaded (`node --import`) by tests that start a service as a process of its own: runs our TypeScript without a build.
// Node removes the types by itself, but neither maps the `.js` of relative imports to the `.ts` beside nor takes our sources from other packages.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(fileURLToPath(source))) return nextResolve(source.href, context);
    }
    return nextResolve(specifier, { ...context, conditions: [...context.conditions, '@anime/source'] });
  },
});
