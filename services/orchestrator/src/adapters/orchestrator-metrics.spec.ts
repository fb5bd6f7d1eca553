import { createMetrics } from '@anime/service-runtime';
import { describe, expect, it } from '@jest/globals';
import { studio } from '../testing/studio.js';
import { exposeOpenJobs } from './orchestrator-metrics.js';

describe('the open jobs', () => {
  it('are shown by state, zeros too, and not at all while another orchestrator leads', async () => {
    const s = await studio();
    const metrics = createMetrics('orchestrator');
    let leads = true;
    exposeOpenJobs(metrics, () => (leads ? s.process.work : undefined));
    const shown = async (): Promise<string[]> =>
      (await metrics.metrics()).split('\n').filter((line) => line.startsWith('anime_jobs_open{'));
    const state = (name: string, count: number) => `anime_jobs_open{state="${name}",service="orchestrator"} ${count}`;

    for (let jobs = 0; jobs < 3; jobs += 1) await s.request();
    await s.settle();
    const none = ['running', 'executed'].map((name) => state(name, 0));
    expect(await shown()).toEqual([state('requested', 0), state('queued', 1), state('assigned', 2), ...none]);
    leads = false;
    expect(await shown()).toEqual([]);
  });
});
