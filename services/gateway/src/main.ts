import { runMain } from '@anime/service-runtime/main';

await runMain('gateway', import.meta.url, async () => {
  const [{ runService }, { readGatewayConfig }, { composeGateway }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(composeGateway(readGatewayConfig()));
});
