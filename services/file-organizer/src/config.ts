import { baseConfig, blobsConfig } from '@anime/service-runtime';
import { z } from 'zod';

/** What the file-organizer reads from the environment. */
export const FileOrganizerConfig = z.object({
  ...baseConfig(8335),
  ...blobsConfig,
  ANIME_LIBRARY_DIR: z.string().min(1).default('.anime/library').describe('a folder'),
});
export type FileOrganizerConfig = Readonly<z.infer<typeof FileOrganizerConfig>>;
