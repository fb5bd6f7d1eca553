import { runMain } from '@anime/service-runtime/main';

await runMain('progress-relay', import.meta.url, async () => {
  const [{ readConfig, runService }, { ProgressRelayConfig }, { composeProgressRelay }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(composeProgressRelay(readConfig(ProgressRelayConfig)));
});
