import { runMain } from '@anime/service-runtime/main';

await runMain('orchestrator', import.meta.url, async () => {
  const [{ readConfig, runService }, { OrchestratorConfig }, { composeOrchestrator }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(composeOrchestrator(readConfig(OrchestratorConfig)));
});
