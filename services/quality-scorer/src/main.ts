import { runMain } from '@anime/service-runtime/main';

await runMain('quality-scorer', import.meta.url, async () => {
  const [{ readConfig, runService }, { QualityScorerConfig }, { composeQualityScorer }] = await Promise.all([
    import('@anime/service-runtime'),
    import('./config.js'),
    import('./app.module.js'),
  ]);
  await runService(await composeQualityScorer(readConfig(QualityScorerConfig)));
});
