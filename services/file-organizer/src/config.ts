import { baseConfig, blobsConfig, folder } from '@anime/service-runtime';
import { z } from 'zod';

/** What the file-organizer reads from the environment. */
export const FileOrganizerConfig = z.object({
  ...baseConfig(8335),
  ...blobsConfig,
  ANIME_LIBRARY_DIR: folder('.anime/library').describe('the folder that finished files are put into'),
});
export type FileOrganizerConfig = Readonly<z.infer<typeof FileOrganizerConfig>>;
