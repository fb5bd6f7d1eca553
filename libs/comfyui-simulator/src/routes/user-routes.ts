import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { json, text } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { Directories } from '../nodes/node-kind.js';
import { folderOf } from './file-path.js';

/** What the frontend asks for, as a server answers that nobody has configured. */
export function userRoutes(directories: Directories): Routes {
  return {
    'GET /users': () => json({ storage: 'server', migrated: false }),
    'GET /settings': () => json({}),
    'GET /settings/{id}': () => json(null),
    'GET /userdata': ({ query }) =>
      query.get('dir') ? text('Directory not found', 404) : text('Directory not provided', 400),
    'GET /i18n': () => json({}),
    'GET /workflow_templates': () => json({}),
    'GET /internal/files/{type}': async ({ parameters }) => {
      const folder = folderOf(directories, parameters['type'] ?? '');
      return folder === undefined
        ? json({ error: 'Invalid directory type' }, 400)
        : json(await newestFirst(folder, parameters['type'] ?? ''));
    },
  };
}

/** Asset routes exist below /api only and are off unless the server was started with --enable-assets. */
export function assetRoutes(): Routes {
  const disabled = () =>
    json(
      {
        error: {
          code: 'SERVICE_DISABLED',
          message: 'Assets system is disabled. Start the server with --enable-assets to use this feature.',
          details: {},
        },
      },
      503,
    );
  return { 'GET /api/assets': disabled, 'GET /api/tags': disabled };
}

/** Files at the top level as `name [type]`. */
async function newestFirst(folder: string, type: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'));
  const dated = await Promise.all(
    files.map(async ({ name }) => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  );
  return dated.sort((a, b) => b.time - a.time).map(({ name }) => `${name} [${type}]`);
}
