import { describe, expect, it } from '@jest/globals';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import { watched } from './watched-exporter.js';

type Done = Parameters<SpanExporter['export']>[1];

describe('a receiver of spans', () => {
  it('that is away or refuses them is told of once, and once more when it takes them again', () => {
    const said: string[] = [];
    const outcomes: (Error | undefined)[] = [
      undefined,
      new Error('refused'),
      new Error('refused'),
      undefined,
      undefined,
    ];
    const exporter = watched(
      {
        export: (_spans, done: Done) => {
          const error = outcomes.shift();
          done(error === undefined ? { code: 0 } : { code: 1, error });
        },
        shutdown: async () => undefined,
      },
      {
        warn: (fields: unknown, text?: string) =>
          void said.push(`warn ${(fields as { err: Error }).err.message}: ${text}`),
        info: (text: unknown) => void said.push(`info ${String(text)}`),
      },
    );
    const codes: number[] = [];
    while (outcomes.length > 0) exporter.export([], ({ code }) => codes.push(code));
    expect(codes).toEqual([0, 1, 1, 0, 0]);
    expect(said).toEqual([
      'warn refused: spans are lost: OTEL_EXPORTER_OTLP_ENDPOINT does not take them',
      'info spans are taken again',
    ]);
  });
});
