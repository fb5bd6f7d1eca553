import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.js';

/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const SUCCESS = 0;

/** Says once when spans begin to be lost, because the receiver is away or refuses them, and once when it takes them again. */
export function watched(exporter: SpanExporter, logger: Pick<Logger, 'warn' | 'info'>): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== SUCCESS;
        if (failed && !failing)
          logger.warn({ err: result.error }, 'spans are lost: OTEL_EXPORTER_OTLP_ENDPOINT does not take them');
        if (!failed && failing) logger.info('spans are taken again');
        failing = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
