import { runMain } from '@anime/service-runtime/main';

await runMain('file-organizer', import.meta.url, async () => {
  const [{ readConfig, runService }, { FileOrganizerConfig }, { composeFileOrganizer }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(composeFileOrganizer(readConfig(FileOrganizerConfig)));
});
