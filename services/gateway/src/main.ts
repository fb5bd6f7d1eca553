import { runMain, stopTelemetry } from '@anime/service-runtime/main';

await runMain('gateway', import.meta.url, async () => {
  if (process.argv[2] === 'keys') {
    const { runKeysCommand } = await import('./keys-command.js');
    process.exitCode = await runKeysCommand(process.argv.slice(3));
    // It ends by itself, and what it made in its last second would not be sent.
    await stopTelemetry();
    return;
  }
  const [{ runService }, { readGatewayConfig }, { composeGateway }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  const { options, admission } = composeGateway(readGatewayConfig());
  await runService(options);
  await admission;
});
