// A service as small as can be, for run-main.int.spec.ts. FIXTURE says how it misbehaves.
import { runMain } from '../main.ts';

await runMain('gateway', new URL('../main.ts', import.meta.url).href, async () => {
  // Module by module: the index leads to packages that Node cannot read as TypeScript.
  const { baseConfig, databaseConfig, readConfig } = await import('../config.ts');
  const { Readiness } = await import('../readiness.ts');
  const { runService } = await import('../run-service.ts');
  const { z } = await import('zod');
  const fixture = process.env.FIXTURE ?? '';
  const extra = fixture === 'needs-database' ? databaseConfig : {};
  const config = readConfig(z.object({ ...baseConfig(8331), ...extra }));
  const readiness = new Readiness();
  readiness.add('nats', () => ({ ok: false, reason: 'not connected yet' }));
  class FixtureModule {}
  const trail = (what) => process.stderr.write(`trail ${what}\n`);
  await runService({
    name: 'gateway',
    version: '0.0.1',
    config,
    module: { module: FixtureModule },
    readiness,
    strategy: {
      listen: (callback) => callback(),
      close: () => {
        trail('consumers');
        return fixture === 'hangs' ? new Promise(() => undefined) : undefined;
      },
    },
    onDrain: () => trail('resources'),
    configure: async (app) => {
      if (fixture !== 'tells-trace') return;
      const { context, trace } = await import('@opentelemetry/api');
      const tell = async () => {
        await new Promise(setImmediate);
        const { traceId, spanId, traceFlags } = trace.getSpanContext(context.active());
        return { traceparent: `00-${traceId}-${spanId}-0${traceFlags}` };
      };
      const fastify = app.getHttpAdapter().getInstance();
      fastify.get('/trace', tell);
      fastify.post('/trace', tell);
    },
    log: { close: async () => trail('log') },
  });
  if (fixture === 'rejects') setTimeout(() => void Promise.reject(new Error('nobody caught this')), 10);
});
