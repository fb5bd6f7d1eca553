import { describe, expect, it } from '@jest/globals';
import { context, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api';
import { createLogger } from './logger.js';
import { nestLogger } from './nest-logger.js';

function linesOf(run: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  run(
    createLogger('gateway', {
      level: 'debug',
      destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    }),
  );
  return lines;
}

/** One context for everything: enough to have a span active. */
function withContext(active: Context, run: () => void): void {
  const manager: ContextManager = {
    active: () => active,
    with: (_context, fn, thisArg, ...args) => fn.call(thisArg, ...args),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
  try {
    run();
  } finally {
    context.disable();
  }
}

describe('the logger', () => {
  it('writes JSON lines with service, level, time and the error with its stack', () => {
    const [line] = linesOf((logger) => logger.error({ err: new Error('broken') }, 'it failed'));
    expect(line).toMatchObject({ level: 'error', service: 'gateway', msg: 'it failed', err: { message: 'broken' } });
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('carries the trace of the active span and nothing when there is none', () => {
    const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
    const lines = linesOf((logger) => {
      withContext(trace.setSpanContext(ROOT_CONTEXT, spanContext), () => logger.info('inside'));
      logger.info('outside');
    });
    expect(lines[0]).toMatchObject({ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) });
    expect(lines[1]).not.toHaveProperty('trace_id');
  });

  it('takes what Nest says about its start-up for details, and its errors for errors', () => {
    const lines = linesOf((logger) => {
      const nest = nestLogger(logger);
      nest.log('Mapped {/x, GET} route', 'RouterExplorer');
      nest.error(new Error('no provider'), 'ExceptionHandler');
      nest.warn({ odd: true });
    });
    expect(lines).toMatchObject([
      { level: 'debug', context: 'RouterExplorer', msg: 'Mapped {/x, GET} route' },
      { level: 'error', context: 'ExceptionHandler', msg: 'no provider', err: { message: 'no provider' } },
      { level: 'warn', msg: '{"odd":true}' },
    ]);
  });
});
