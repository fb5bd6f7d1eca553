import { runMain } from '@anime/service-runtime/main';

await runMain('comfyui-executor', import.meta.url, async () => {
  const [{ readConfig, runService }, { ComfyuiExecutorConfig }, { composeComfyuiExecutor }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(composeComfyuiExecutor(readConfig(ComfyuiExecutorConfig)));
});
