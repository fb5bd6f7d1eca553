import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Package = z.object({ version: z.string() });

/**
 * The version in the package.json above a module's folder.
 * @param moduleUrl `import.meta.url` of a file directly in `src` or `dist`
 */
export function packageVersion(moduleUrl: string): string {
  return Package.parse(JSON.parse(readFileSync(new URL('../package.json', moduleUrl), 'utf8'))).version;
}
